"""The English tasks of mteb's benchmarks MTEB(eng, v2) and MTEB(eng, v1), in their order; a test holds them to mteb's.

Typed, because asking mteb costs three seconds that `harness ls suites` need not.
"""

from __future__ import annotations

from harness.suites.mteb.task import MtebTask, registered
from harness.suites.task import Suite

STS = ("BIOSSES", "SICK-R", "STS12", "STS13", "STS14", "STS15", "STSBenchmark", "STS17", "STS22.v2")
CLASSIFICATION = (
    "Banking77Classification",
    "ImdbClassification",
    "MTOPDomainClassification",
    "MassiveIntentClassification",
    "MassiveScenarioClassification",
    "ToxicConversationsClassification",
    "TweetSentimentExtractionClassification",
    "AmazonCounterfactualClassification",
)
CLUSTERING = (
    "ArXivHierarchicalClusteringP2P",
    "ArXivHierarchicalClusteringS2S",
    "BiorxivClusteringP2P.v2",
    "MedrxivClusteringP2P.v2",
    "MedrxivClusteringS2S.v2",
    "StackExchangeClustering.v2",
    "StackExchangeClusteringP2P.v2",
    "TwentyNewsgroupsClustering.v2",
)
STS_V1 = ("BIOSSES", "SICK-R", "STS12", "STS13", "STS14", "STS15", "STS16", "STSBenchmark", "STS17", "STS22")
CLASSIFICATION_V1 = (
    "AmazonPolarityClassification",
    "AmazonReviewsClassification",
    "Banking77Classification",
    "EmotionClassification",
    "ImdbClassification",
    "MTOPDomainClassification",
    "MTOPIntentClassification",
    "MassiveIntentClassification",
    "MassiveScenarioClassification",
    "ToxicConversationsClassification",
    "TweetSentimentExtractionClassification",
    "AmazonCounterfactualClassification",
)
CLUSTERING_V1 = (
    "ArxivClusteringP2P",
    "ArxivClusteringS2S",
    "BiorxivClusteringP2P",
    "BiorxivClusteringS2S",
    "MedrxivClusteringP2P",
    "MedrxivClusteringS2S",
    "RedditClustering",
    "RedditClusteringP2P",
    "StackExchangeClustering",
    "StackExchangeClusteringP2P",
    "TwentyNewsgroupsClustering",
)

# Where the benchmarks take fewer subsets than those that are English.
SUBSETS: dict[str, tuple[str, ...]] = {"AmazonCounterfactualClassification": ("en",)}


def _suite(name: str, about: str, *tasks: str) -> Suite[MtebTask]:
    made = tuple(registered(task, subsets=SUBSETS.get(task, ())) for task in tasks)
    return Suite(name=name, about=about, tasks=made)


# The benchmark that mteb calls v2 is its present one.
SUITES = (
    _suite("mteb", "MTEB(eng, v2): similarity, classification and clustering", *STS, *CLASSIFICATION, *CLUSTERING),
    _suite("mteb-sts", "MTEB(eng, v2): semantic textual similarity", *STS),
    _suite("mteb-classification", "MTEB(eng, v2): classification", *CLASSIFICATION),
    _suite("mteb-clustering", "MTEB(eng, v2): clustering", *CLUSTERING),
    _suite(
        "mteb-v1",
        "MTEB(eng, v1), the classic one: similarity, classification and clustering",
        *STS_V1,
        *CLASSIFICATION_V1,
        *CLUSTERING_V1,
    ),
    _suite("mteb-sts-v1", "MTEB(eng, v1): semantic textual similarity", *STS_V1),
    _suite("mteb-classification-v1", "MTEB(eng, v1): classification", *CLASSIFICATION_V1),
    _suite("mteb-clustering-v1", "MTEB(eng, v1): clustering", *CLUSTERING_V1),
)
