"""Metrics by CloudWatch's embedded format. Powertools is imported by the first one."""


def count(name: str, **dimensions: str) -> None:
    """Add one to a metric."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    with single_metric(name=name, unit=MetricUnit.Count, value=1, namespace="polything") as metric:
        for key, value in dimensions.items():
            metric.add_dimension(key, value)
