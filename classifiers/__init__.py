"""The classifiers behind one contract (`classifiers.contract`): BERT, LLM and the baselines."""
