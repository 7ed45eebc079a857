/** PyTorch's recurrent cells in our ops. */
import type { Tensor } from '@tenon/core';
import type { TorchCall, TorchOp, TorchOps } from './torch.ts';

/** x·Wᵀ + b for the input and for the state: argument 2 on are weights and biases. */
function sides(call: TorchCall, h: Tensor): [fromInput: Tensor, fromState: Tensor] {
  const [x, wx, wh] = [call.tensor(0), call.tensor(2, 'w_ih'), call.tensor(3, 'w_hh')];
  const [bx, bh] = [call.tensor(4, 'b_ih'), call.tensor(5, 'b_hh')];
  return [x.matmul(wx.transpose()).add(bx), h.matmul(wh.transpose()).add(bh)];
}
function plain(activation: (x: Tensor) => Tensor): TorchOp {
  return (call) => {
    const [a, b] = sides(call, call.tensor(1, 'hx'));
    return activation(a.add(b));
  };
}

export const TORCH_RNN: TorchOps = {
  rnn_tanh_cell: plain((x) => x.tanh()),
  rnn_relu_cell: plain((x) => x.relu()),
  lstm_cell: (call) => {
    const [h, c] = call.tensors(1, 'hx') as [Tensor, Tensor];
    const [a, b] = sides(call, h);
    const [i, f, g, o] = a.add(b).chunk(4, 1) as [Tensor, Tensor, Tensor, Tensor];
    const state = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
    return [o.sigmoid().mul(state.tanh()), state];
  },
  gru_cell: (call) => {
    const h = call.tensor(1, 'hx');
    const [a, b] = sides(call, h).map((side) => side.chunk(3, 1)) as [Tensor[], Tensor[]];
    const [reset, update] = [0, 1].map((k) => a[k]!.add(b[k]!).sigmoid()) as [Tensor, Tensor];
    const candidate = a[2]!.add(reset.mul(b[2]!)).tanh();
    return candidate.add(update.mul(h.sub(candidate)));
  },
};
