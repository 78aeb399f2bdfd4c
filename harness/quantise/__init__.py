"""ONNX models in 8 or 4 bits: recipes by kind of model, every one verified node by node and output by output."""
