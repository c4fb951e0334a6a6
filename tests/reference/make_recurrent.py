"""Reference values of the layers lstm and gru: python make_recurrent.py > recurrent.h

Written with PyTorch 2.13.0 (CPU, float64), seed 1. Parameters are those of the layer's flat vector: weight_input (D, G H),
weight_state (H, G H), then the biases; PyTorch stores the weights transposed, and two biases for lstm, of which the second
is zero here. The loss is the sum over the samples of the mean over their outputs of (y - target)^2.
"""
import torch

ROWS, STEPS, INPUTS, UNITS = 3, 4, 3, 5


def write(name, values):
    numbers = [float(v).hex() for v in values.detach().reshape(-1)]
    print(f"static const double {name}[{len(numbers)}] = {{")
    for i in range(0, len(numbers), 4):
        print("    " + ", ".join(numbers[i : i + 4]) + ",")
    print("};")


def case(kind, last):
    torch.manual_seed(1)
    module = getattr(torch.nn, kind.upper())(INPUTS, UNITS, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn(p.shape, dtype=torch.float64) * 0.7)
        if kind == "lstm":
            module.bias_hh_l0.zero_()
    x = torch.randn(ROWS, STEPS, INPUTS, dtype=torch.float64)
    y, _ = module(x)
    y = y[:, -1] if last else y
    target = torch.randn(y.shape, dtype=torch.float64)
    loss = ((y - target) ** 2).reshape(ROWS, -1).mean(1).sum()
    loss.backward()
    parts = [module.weight_ih_l0, module.weight_hh_l0, module.bias_ih_l0] + ([module.bias_hh_l0] if kind == "gru" else [])
    flat = lambda f: torch.cat([(f(p).T if p.dim() == 2 else f(p)).reshape(-1) for p in parts])
    name = f"{kind}_{'last' if last else 'all'}"
    write(f"{name}_params", flat(lambda p: p))
    write(f"{name}_x", x)
    write(f"{name}_y", y)
    write(f"{name}_target", target)
    write(f"{name}_gradient", flat(lambda p: p.grad))


print(f"/* Written by make_recurrent.py with PyTorch {torch.__version__}; see there. */")
print("#ifndef REFERENCE_RECURRENT_H\n#define REFERENCE_RECURRENT_H\n\n/* clang-format off */")
print(f"enum {{ REFERENCE_ROWS = {ROWS}, REFERENCE_STEPS = {STEPS}, REFERENCE_INPUTS = {INPUTS}, REFERENCE_UNITS = {UNITS} }};")
for last in (False, True):
    case("lstm", last)
    case("gru", last)
print("/* clang-format on */\n\n#endif")
