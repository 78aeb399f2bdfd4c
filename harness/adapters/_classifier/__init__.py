"""What the ONNX classifier runs on."""
