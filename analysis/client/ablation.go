package client

// ablation switches parts of the belief model off, so that a test can measure what each adds.
type Ablation uint8

const (
	WithoutTimeout Ablation = 1 << iota
	WithoutInference
)
