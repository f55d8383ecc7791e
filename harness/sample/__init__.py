"""The built-in experiments: invented game apps, ours to ship."""
