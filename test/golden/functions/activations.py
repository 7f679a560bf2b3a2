#!/usr/bin/env python3
"""Makes activations.json:  python3 test/golden/functions/activations.py"""
from golden import Family

family = Family("activations")
family.add("softmax/negative dim", "out = F.softmax(a, dim=-2)", {"a": family.uniform(2, 3, 4)})
family.add("leaky_relu/slope", "out = F.leaky_relu(a, 0.3)", {"a": family.uniform(5)})
family.write()
