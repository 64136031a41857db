"""The common floor of the five reproductions: verify, vote, measure, sample, train, report."""
