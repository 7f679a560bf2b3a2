/** Layers of torch.nn that a program makes. Loss classes are in losses.test.ts. */
import { describe, expect, it } from 'vitest'
import { ProgramCache, backward, defaultCompileOptions, defaultLimits } from '../../engine/index.ts'

const engine = { cache: new ProgramCache(), limits: defaultLimits, compile: defaultCompileOptions }

function run(out: string): ReturnType<typeof backward> {
  const model = { parameters: { w: { value: [[0.1, -0.2, 0.3], [-0.6, 0.5, 0.4]] } }, modules: { fc: { type: 'Linear', in_features: 3, out_features: 3, bias: true } }, forward: `out = ${out}` }
  return backward({ model, loss: '(out * out + out).sum()', data: {}, dtype: 'float64', seed: 0, training: false }, engine)
}

describe('layers in a program', () => {
  it.each([
    ['nn.ReLU()(w)', 'F.relu(w)'],
    ['torch.nn.ReLU(inplace=True)(input=w)', 'F.relu(w)'],
    ['nn.LeakyReLU(0.2)(w)', 'F.leaky_relu(w, 0.2)'],
    ['nn.Softmax(dim=-1)(w)', 'F.softmax(w, dim=-1)'],
    ["nn.GELU(approximate='tanh')(w)", "F.gelu(w, approximate='tanh')"],
    ['nn.Hardtanh(-0.3, max_val=0.2)(w)', 'F.hardtanh(w, -0.3, 0.2)'],
    ['nn.Flatten(0)(w)', 'w.flatten()'],
    ['nn.Identity()(w)', 'w'],
    ['nn.Unflatten(1, (3, -1))(w)', 'w.unflatten(1, (3, -1))'],
    ['nn.GLU(0)(w)', 'F.glu(w, 0)'],
    ['nn.Softmin(dim=0)(w)', 'F.softmin(w, 0)'],
    ['nn.Dropout(0.3)(w)', 'w'],
    ['nn.InstanceNorm1d(3, eps=0.1)(w.T)', 'F.instance_norm(w.T[None], eps=0.1)[0]'],
    ['nn.LayerNorm((2, 3), elementwise_affine=False)(w)', 'F.layer_norm(w, (2, 3))'],
    ['nn.MaxPool1d(2, 1)(w)', 'F.max_pool1d(w, 2, 1)'],
    ['nn.AvgPool2d((1, 2), stride=1)(w[None])', 'F.avg_pool2d(w[None], (1, 2), 1)'],
    ['nn.AdaptiveAvgPool1d(2)(w)', 'F.adaptive_avg_pool1d(w, 2)'],
    ['nn.Unfold((1, 2), stride=2)(w[None, None])', 'F.unfold(w[None, None], (1, 2), stride=2)'],
    ['nn.ZeroPad2d((1, 0, 2, -1))(w)', 'F.pad(w, (1, 0, 2, -1))'],
    ["nn.Upsample(scale_factor=1.5, mode='linear')(w[None])", "F.interpolate(w[None], scale_factor=1.5, mode='linear')"],
    ['nn.PairwiseDistance(p=1)(w, w.flip(1))', 'F.pairwise_distance(w, w.flip(1), 1)'],
    ['nn.LocalResponseNorm(2, alpha=0.1)(w[None])', 'F.local_response_norm(w[None], 2, 0.1)'],
    ['nn.Sequential(fc, nn.Tanh(), torch.exp, nn.Sequential())(w)', 'torch.exp(torch.tanh(fc(w)))'],
    ['[layer(w) for layer in [nn.Tanh(), nn.Sigmoid()]][1]', 'torch.sigmoid(w)'],
  ])('%s', (written, function_) => {
    const { stats: _stats, ...first } = run(written)
    const { stats: _others, ...second } = run(function_)
    expect(first).toEqual(second)
  })

  it.each([
    ['nn.Linear(3, 4)(w)', 'nn.Linear() has parameters, which belong to the model: list it in model.modules and call it by its name'],
    ['nn.ReLu()(w)', 'torch.nn has no "ReLu"; did you mean "ReLU"?'],
    ['nn.ReLU(slope=1)(w)', 'nn.ReLU() has no argument "slope"'],
    ['nn.ReLU(True, False)(w)', 'nn.ReLU() takes 1 arguments, got 2'],
    ['nn.LeakyReLU(0.1, negative_slope=0.1)(w)', 'nn.LeakyReLU(): negative_slope is given twice'],
    ['nn.LeakyReLU("0.1")(w)', 'nn.LeakyReLU(): negative_slope: '],
    ['nn.Threshold(0.1)(w)', 'nn.Threshold(): the argument "value" is missing'],
    ['nn.ReLU()(w, w)', 'nn.ReLU() takes 1 arguments, got 2; the signature is nn.ReLU(input: Tensor)'],
    ['nn.ReLU()(3)', 'nn.ReLU(): input: a tensor expected, got int 3'],
    ['nn.Sequential(w)(w)', 'nn.Sequential(): modules expected, got float64 tensor of shape [2, 3]'],
    ['nn.Sequential(nn.ReLU())(w, w)', 'nn.Sequential() takes one tensor'],
    ['nn.GroupNorm(2, 4)(w)', 'nn.GroupNorm() has parameters, which belong to the model'],
    ['nn.GroupNorm(3, 4)(w)', 'num_channels must be divisible by num_groups, got 4 and 3'],
    ['nn.BatchNorm1d(3, affine=False)(w)', 'nn.BatchNorm1d() has parameters, which belong to the model'],
    ['nn.Flatten(5)(w)', 'dimension out of range'],
  ])('%s is refused', (program, message) => {
    expect(() => run(program)).toThrow(message)
  })
})
