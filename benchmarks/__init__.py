"""Speed and memory of fewray against plain references and the machine's peak."""
