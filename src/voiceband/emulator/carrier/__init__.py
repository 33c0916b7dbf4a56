"""The carrier: one phone call and its streams, sans-IO."""
