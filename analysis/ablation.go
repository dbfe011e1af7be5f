package analysis

// ablation switches parts of the belief model off, so that a test can measure what each adds.
type ablation uint8

const (
	withoutTimeout ablation = 1 << iota
	withoutInference
)
