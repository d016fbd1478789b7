"""The baselines beside which `secnet guard eval` is read: LightGBM and scikit-learn on the same rows, splits and figures.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python baselines.py DATA [TASK ...]

DATA is the folder that `secnet guard eval --data` takes; see docs/reference/guard-data.md. Ethereum's 70/30 split is drawn by
another generator than ours, so its rows differ from ours; all other splits are the same rows.
"""

import sys
import time

import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score, roc_curve
from sklearn.model_selection import train_test_split

SEEDS = (1, 2, 3)


def recall_at(labels, scores, rate):
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    return true[false <= rate + 1e-12].max()


def show(task, seed, labels, scores, seconds, extra=""):
    print(
        f"{task} seed {seed}: AUC {roc_auc_score(labels, scores):.4f} PR-AUC {average_precision_score(labels, scores):.4f}"
        f" F1 {f1_score(labels, scores >= 0.5):.4f} R@0.1% {recall_at(labels, scores, 0.001):.3f}"
        f" R@1% {recall_at(labels, scores, 0.01):.3f} train {seconds:.1f} s {extra}",
        flush=True,
    )


def trees(task, seed, train, test, labels, test_labels, words):
    both = pd.concat([train, test])
    for column in words:
        both[column] = both[column].astype("category").cat.codes
    train, test = both.iloc[: len(train)], both.iloc[len(train) :]
    begun = time.time()
    model = lgb.LGBMClassifier(n_estimators=300, num_leaves=31, random_state=seed, n_jobs=1, verbose=-1)
    model.fit(train, labels)
    seconds = time.time() - begun
    scores = model.predict_proba(test)[:, 1]
    show(task, seed, test_labels, scores, seconds)
    return scores


def grams(task, train, test, labels, test_labels):
    begun = time.time()
    vectors = TfidfVectorizer(analyzer="char", ngram_range=(2, 4), sublinear_tf=True, max_features=200_000)
    model = LogisticRegression(C=10, max_iter=200).fit(vectors.fit_transform(train), labels)
    seconds = time.time() - begun
    show(task, "-", test_labels, model.predict_proba(vectors.transform(test))[:, 1], seconds)


def nsl_kdd(data):
    train = pd.read_csv(f"{data}/nsl-kdd/KDDTrain+.csv.gz", keep_default_na=False)
    test = pd.read_csv(f"{data}/nsl-kdd/KDDTest+.csv.gz", keep_default_na=False)
    known = set(train.attack)
    features = [c for c in train.columns if c not in ("label", "attack", "category")]
    for seed in SEEDS:
        words = ["protocol_type", "service", "flag"]
        scores = trees("nsl-kdd", seed, train[features], test[features], train.label, test.label, words)
        limit = np.sort(scores[test.label == 0])[-int(0.01 * (test.label == 0).sum()) - 1]
        for name, kinds in (("known", test.attack.isin(known)), ("unseen", ~test.attack.isin(known))):
            print(f"  recall at 1 % FPR, {name} types: {(scores[kinds & (test.label == 1)] > limit).mean():.3f}")


def unsw_nb15(data):
    rows = pd.read_csv(f"{data}/unsw-nb15/part82k.csv.gz", keep_default_na=False)
    features = [c for c in rows.columns if c not in ("id", "attack_cat", "label", "split")]
    train, test = rows[rows.split == "train"], rows[rows.split == "test"]
    for seed in SEEDS:
        words = ["proto", "service", "state"]
        trees("unsw-nb15", seed, train[features], test[features], train.label, test.label, words)


def ethereum(data):
    rows = pd.read_csv(f"{data}/ethereum-fraud/accounts.csv.gz")
    features = [c for c in rows.columns if c not in ("address", "label")]
    words = ["erc20_most_sent_token_type", "erc20_most_rec_token_type"]
    whole = rows[rows.erc20_total_ether_received.notna()]
    for name, part in (("ethereum-fraud", rows), ("ethereum-fraud-whole", whole)):
        for seed in SEEDS:
            train, test = train_test_split(part, test_size=0.3, stratify=part.label, random_state=seed)
            trees(name, seed, train[features], test[features], train.label, test.label, words)


def csic2010(data):
    rows = pd.read_csv(f"{data}/csic2010/requests.csv.gz", keep_default_na=False)
    train, test = rows[rows.split == "train"], rows[(rows.split == "test") & (rows.seen_in_train == 0)]
    test = test.drop_duplicates("request")
    text = lambda part: part.method + " " + part.request
    grams("csic2010", text(train), text(test), train.label, test.label)


def phishing(data):
    rows = pd.read_csv(f"{data}/phishing-urls/urls.csv.gz", keep_default_na=False)
    train, test = rows[rows.split == "train"], rows[rows.split == "test"]
    grams("phishing-urls", train.url, test.url, train.label, test.label)


TASKS = {
    "nsl-kdd": nsl_kdd,
    "unsw-nb15": unsw_nb15,
    "ethereum-fraud": ethereum,
    "csic2010": csic2010,
    "phishing-urls": phishing,
}

if __name__ == "__main__":
    for name in sys.argv[2:] or TASKS:
        TASKS[name](sys.argv[1])
