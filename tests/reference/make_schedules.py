"""Reference factors of learning rate schedules by PyTorch's lr_scheduler, base rate 1, 24 steps.

Run:  python make_schedules.py > schedules.h
"""
import warnings

import torch

warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.float64)
STEPS = 24
s = torch.optim.lr_scheduler
CASES = [
    ("{type: constant}", lambda o: s.ConstantLR(o, factor=1.0)),
    ("{type: step, every: 5 steps, gamma: 0.3}", lambda o: s.StepLR(o, 5, gamma=0.3)),
    ("{type: multistep, milestones: [3, 4, 17], unit: steps, gamma: 0.5}", lambda o: s.MultiStepLR(o, [3, 4, 17], gamma=0.5)),
    ("{type: exponential, gamma: 0.8, every: 1 steps}", lambda o: s.ExponentialLR(o, 0.8)),
    ("{type: polynomial}", lambda o: s.PolynomialLR(o, STEPS)),
    ("{type: polynomial, power: 2.5}", lambda o: s.PolynomialLR(o, STEPS, power=2.5)),
    ("{type: polynomial, end: 0.25}", lambda o: s.LinearLR(o, 1.0, 0.25, STEPS)),
    ("{type: cosine}", lambda o: s.CosineAnnealingLR(o, STEPS)),
    ("{type: cosine, end: 0.1}", lambda o: s.CosineAnnealingLR(o, STEPS, eta_min=0.1)),
    ("{type: sweep, from: 1e-4}", lambda o: s.LambdaLR(o, lambda t: 1e-4 ** (1 - t / (STEPS - 1)))),
    ("{type: one_cycle}", lambda o: s.OneCycleLR(o, 1.0, STEPS, cycle_momentum=False)),
    ("{type: one_cycle, pct_start: 0.6, div_factor: 10, final_div_factor: 100, anneal: linear}",
     lambda o: s.OneCycleLR(o, 1.0, STEPS, pct_start=0.6, div_factor=10, final_div_factor=100, anneal_strategy="linear",
                            cycle_momentum=False)),
]
# The watched value of each evaluation: improvements, plateaus, a value within the threshold, a rise.
VALUES = [5, 4, 4, 4.1, 3.9999, 4.2, 4.3, 4.4, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1.9999, 1, 1.5, 1.5, 1.5, 1.5, 1.5]
PLATEAU = [
    ("{type: plateau, factor: 0.5, patience: 2}", dict(factor=0.5, patience=2)),
    ("{type: plateau, factor: 0.1, patience: 1, threshold: 0.01, cooldown: 2, min_factor: 0.02}",
     dict(factor=0.1, patience=1, threshold=0.01, cooldown=2, min_lr=0.02)),
]


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def row(config, factors):
    numbers = [float(f).hex() for f in factors]
    print(f'    {{"{config}",\n     {{{", ".join(numbers)}}}}},')


print(f"""/* Factors of schedules. Made by make_schedules.py with PyTorch {torch.__version__.split('+')[0]}. */
#ifndef REFERENCE_SCHEDULES_H
#define REFERENCE_SCHEDULES_H

/* clang-format off */
enum {{ SCHEDULE_STEPS = {STEPS} }};
typedef struct schedule_case {{
    const char *config;
    double factor[SCHEDULE_STEPS];
}} schedule_case;
static const double schedule_value[SCHEDULE_STEPS] = {{{", ".join(map(str, VALUES))}}};
static const schedule_case reference_schedule[] = {{""")
for config, make in CASES:
    o = optimizer()
    schedule, factors = make(o), []
    for _ in range(STEPS):
        factors.append(o.param_groups[0]["lr"])
        o.step()
        schedule.step()
    row(config, factors)
print("};\n/* After each value. */\nstatic const schedule_case reference_plateau[] = {")
for config, options in PLATEAU:
    o = optimizer()
    schedule, factors = s.ReduceLROnPlateau(o, eps=0, **options), []
    for v in VALUES:
        schedule.step(v)
        factors.append(o.param_groups[0]["lr"])
    row(config, factors)
print("};\n/* clang-format on */\n\n#endif")
