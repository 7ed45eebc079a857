"""Stands in for the package expecttest, which torch.testing._internal imports but op_db never
calls: Debian's python3-torch does not bring it."""

import unittest

ACCEPT = False


class TestCase(unittest.TestCase):
    pass
