"""Which op_db entries become goldens, by family, and which of them need special care.

Entries are "name" or "name/variant" as op_db spells them. Stochastic, complex-valued,
sparse, linear-algebra-decomposition and in-place-only ops are left out on purpose.
"""

FAMILIES = {
    "unary": """
        abs acos acosh asin asinh atan atanh ceil cos cosh deg2rad erf erfc erfinv exp exp2 expm1
        floor frac log log10 log1p log2 neg positive rad2deg reciprocal round rsqrt sigmoid sign
        sgn sin sinc sinh sqrt square tan tanh trunc logit nan_to_num signbit isfinite isinf isnan
        isposinf isneginf lgamma digamma logical_not clone float int bool
    """,
    "binary": """
        add sub rsub mul div/no_rounding_mode div/trunc_rounding div/floor_rounding true_divide
        floor_divide fmod remainder pow atan2 hypot maximum minimum fmax fmin max/binary min/binary
        copysign xlogy logaddexp logaddexp2 ldexp heaviside lerp addcmul addcdiv clamp clamp_max
        clamp_min where masked_fill __radd__ __rsub__ __rmul__ __rdiv__ __rpow__
    """,
    "logical": """
        eq ne lt le gt ge logical_and logical_or logical_xor isclose equal allclose
        bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_left_shift bitwise_right_shift isin
    """,
    "reduce": """
        sum mean prod var std var_mean std_mean amax amin aminmax argmax argmin logsumexp norm
        norm/fro norm/inf linalg.norm linalg.vector_norm linalg.matrix_norm
        max/reduction_with_dim max/reduction_no_dim min/reduction_with_dim min/reduction_no_dim
        all any count_nonzero nansum nanmean median nanmedian quantile mode trace
        dist cov corrcoef renorm
    """,
    "scan": """
        cumsum cumprod cummax cummin logcumsumexp diff trapz trapezoid cumulative_trapezoid
        sort argsort topk kthvalue msort unique searchsorted bucketize histc
    """,
    "matmul": """
        matmul mm bmm mv dot vdot addmm addmv addbmm baddbmm addr inner outer einsum tensordot kron
        linalg.multi_dot linalg.vecdot linalg.matrix_power cross linalg.cross __rmatmul__ cdist
        nn.functional.linear nn.functional.bilinear
    """,
    "shape": """
        reshape reshape_as view view_as flatten ravel unflatten permute transpose t T mT movedim
        expand expand_as broadcast_to broadcast_tensors squeeze unsqueeze flip fliplr flipud roll
        rot90 cat stack hstack vstack dstack column_stack split split/list_args split_with_sizes
        chunk tensor_split hsplit vsplit dsplit unbind narrow select slice repeat tile unfold tril
        triu diag diagonal diag_embed diagflat block_diag meshgrid/variadic_tensors atleast_1d
        atleast_2d atleast_3d nn.functional.pad/constant nn.functional.pad/reflect
        nn.functional.pad/replicate nn.functional.pad/circular constant_pad_nd repeat_interleave
        sum_to_size arange linspace eye combinations cartesian_prod
    """,
    "indexing": """
        __getitem__ index_select gather scatter scatter_add scatter_reduce/sum scatter_reduce/mean
        scatter_reduce/amax scatter_reduce/amin scatter_reduce/prod take take_along_dim
        masked_select masked_scatter index_add index_copy index_fill index_put put nonzero argwhere
        select_scatter slice_scatter diagonal_scatter nn.functional.embedding
        nn.functional.embedding_bag nn.functional.grid_sample
    """,
    "activation": """
        softmax log_softmax nn.functional.softmin nn.functional.relu nn.functional.relu6
        nn.functional.leaky_relu nn.functional.elu nn.functional.selu nn.functional.celu
        nn.functional.gelu nn.functional.silu nn.functional.mish nn.functional.softplus
        nn.functional.softsign nn.functional.hardtanh nn.functional.hardswish
        nn.functional.hardsigmoid nn.functional.logsigmoid nn.functional.tanhshrink
        nn.functional.softshrink nn.functional.hardshrink nn.functional.threshold
        nn.functional.prelu nn.functional.glu nn.functional._scaled_dot_product_attention
    """,
    "conv": """
        nn.functional.conv1d nn.functional.conv2d nn.functional.conv_transpose1d
        nn.functional.conv_transpose2d nn.functional.conv_transpose3d nn.functional.unfold
    """,
    "pool": """
        nn.functional.max_pool1d nn.functional.max_pool2d nn.functional.max_pool3d
        nn.functional.avg_pool1d nn.functional.avg_pool2d nn.functional.avg_pool3d
        nn.functional.adaptive_avg_pool1d nn.functional.adaptive_avg_pool2d
        nn.functional.adaptive_avg_pool3d nn.functional.adaptive_max_pool1d
        nn.functional.adaptive_max_pool2d nn.functional.adaptive_max_pool3d
        nn.functional.interpolate/nearest nn.functional.interpolate/linear
        nn.functional.interpolate/bilinear nn.functional.interpolate/bicubic
        nn.functional.interpolate/trilinear nn.functional.interpolate/area
        nn.functional.pixel_shuffle nn.functional.pixel_unshuffle
        nn.functional.max_unpool1d nn.functional.max_unpool2d
    """,
    "norm": """
        nn.functional.batch_norm nn.functional.layer_norm nn.functional.group_norm
        nn.functional.instance_norm nn.functional.local_response_norm nn.functional.normalize
    """,
    "loss": """
        nn.functional.cross_entropy nn.functional.nll_loss nn.functional.mse_loss
        nn.functional.l1_loss nn.functional.smooth_l1_loss nn.functional.huber_loss
        nn.functional.binary_cross_entropy nn.functional.binary_cross_entropy_with_logits
        nn.functional.kl_div nn.functional.hinge_embedding_loss nn.functional.cosine_similarity
        nn.functional.cosine_embedding_loss nn.functional.pairwise_distance nn.functional.pdist
        nn.functional.poisson_nll_loss nn.functional.gaussian_nll_loss
        nn.functional.margin_ranking_loss nn.functional.multi_margin_loss
        nn.functional.multilabel_margin_loss nn.functional.multilabel_soft_margin_loss
        nn.functional.soft_margin_loss nn.functional.triplet_margin_loss
    """,
}

# Ops where the order or equality of input values decides the result: rounding the inputs
# to fewer bits could create ties, so their inputs keep all 24 bits.
KEEP_ALL_BITS = set("""
    sort argsort topk kthvalue msort median nanmedian mode quantile cummax cummin amax amin
    aminmax argmax argmin max min unique searchsorted bucketize histc isin allclose isclose
    equal erfinv acosh logit nn.functional.max_pool1d nn.functional.max_pool2d
    nn.functional.max_pool3d nn.functional.adaptive_max_pool1d nn.functional.adaptive_max_pool2d
    nn.functional.adaptive_max_pool3d scatter_reduce norm linalg.norm linalg.vector_norm
    nn.functional.binary_cross_entropy
""".split())

# Ops whose value jumps: a float64 run may land on the other side of the jump than any correct
# float32 implementation, so their expected values come from the float32 run.
F32_ORACLE = set("""
    div/trunc_rounding div/floor_rounding floor_divide fmod remainder isclose allclose
    nn.functional.interpolate/nearest arange linspace histc bucketize searchsorted quantile
""".split())

# Extra samples in other input dtypes.
INT_OPS = set("""
    add sub rsub mul div/no_rounding_mode div/trunc_rounding div/floor_rounding true_divide
    floor_divide fmod remainder maximum minimum clamp abs neg sign square eq ne lt le gt ge
    logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_not
    bitwise_left_shift bitwise_right_shift where masked_fill sum prod amax amin argmax argmin all
    any cumsum cumprod sort argsort matmul cat stack flip roll permute gather index_select
    scatter_add take_along_dim masked_select nn.functional.pad/constant tril triu __getitem__
    nn.functional.relu count_nonzero nonzero float bool repeat expand unique isin
    exp sqrt sin tanh sigmoid
""".split())
BOOL_OPS = set("""
    eq ne logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor
    bitwise_not where all any sum cumsum amax amin argmax cat stack flip permute gather
    index_select masked_select __getitem__ sort add mul float int expand nonzero count_nonzero
    maximum masked_fill tril
""".split())


def entries():
    """(family, name, variant) in the table's order."""
    for family, names in FAMILIES.items():
        for entry in names.split():
            name, _, variant = entry.partition("/")
            yield family, name, variant
