"""Problems under many methods: arms, answers kept as they come, statistics, tuning, cost."""
