"""Metrics of scikit-learn: metrics.json.

    pip install scikit-learn && python3 test/golden/metrics.py
"""
import json
import os
import numpy as np
from sklearn import metrics

rng = np.random.default_rng(0)
HERE = os.path.dirname(os.path.abspath(__file__))


def f1(y, predicted, classes):
    # One number a sample or two columns: class 1; else the mean over the classes that are there.
    return metrics.f1_score(y, predicted, zero_division=0) if classes <= 2 else metrics.f1_score(y, predicted, average="macro", zero_division=0)


def main():
    cases = []
    for n, classes, known in ((9, 3, 3), (40, 5, 5), (12, 4, 2), (20, 2, 2), (7, 3, 1)):
        scores = rng.normal(size=(n, classes)).round(2)
        y = rng.integers(0, known, n)
        predicted = scores.argmax(1)
        want = {"accuracy": metrics.accuracy_score(y, predicted), "f1": f1(y, predicted, classes)}
        if classes == 2:
            want["auc"] = metrics.roc_auc_score(y, scores[:, 1] - scores[:, 0])
        cases.append({"name": f"{n} rows, {known} of {classes} classes", "loss": "CrossEntropyLoss", "y_hat": scores.tolist(), "y": y.tolist(), "expect": want})
    for n, digits in ((11, 1), (60, 1), (25, 6)):
        # Few digits make ties.
        p = rng.random(n).round(digits).clip(0.01, 0.99)
        y = (rng.random(n) < p).astype(int)
        want = {"accuracy": metrics.accuracy_score(y, p > 0.5), "f1": f1(y, p > 0.5, 1), "auc": metrics.roc_auc_score(y, p)}
        cases.append({"name": f"{n} probabilities of {digits} digits", "loss": "BCELoss", "y_hat": p.tolist(), "y": y.tolist(), "expect": want})
    for n, width in ((8, 1), (15, 3), (30, 2)):
        y = rng.normal(size=(n, width)).round(3)
        y[:, -1] += 10
        p = y + rng.normal(size=(n, width)).round(3)
        if width == 3:
            y[:, 1] = 2.5
        cases.append({"name": f"{n} rows of {width}", "loss": "MSELoss", "y_hat": p.tolist(), "y": y.tolist(), "expect": {"mae": metrics.mean_absolute_error(y, p), "r2": metrics.r2_score(y, p)}})
    with open(os.path.join(HERE, "metrics.json"), "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
