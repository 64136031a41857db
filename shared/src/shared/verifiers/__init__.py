"""From a response to a verdict: extraction, equality, policies, and deadlines.

``verify`` and ``verify_batch`` are the one face that rewards, votes and scores use. Importing this
package is cheap: worker processes and symbolic libraries are loaded when first needed.
"""

from shared.verifiers.extract import extract
from shared.verifiers.letters import guess_adjusted, letter_of, mmlu_pro_letter
from shared.verifiers.policy import BOXED, DEFAULT, EXACT, LETTERS, MATH, SCIENCE, TABLES, Policy
from shared.verifiers.verify import answer_keys, count_outcomes, equivalence_classes, verify, verify_batch

__all__ = [
    "BOXED",
    "DEFAULT",
    "EXACT",
    "LETTERS",
    "MATH",
    "SCIENCE",
    "TABLES",
    "Policy",
    "answer_keys",
    "count_outcomes",
    "equivalence_classes",
    "extract",
    "guess_adjusted",
    "letter_of",
    "mmlu_pro_letter",
    "verify",
    "verify_batch",
]
