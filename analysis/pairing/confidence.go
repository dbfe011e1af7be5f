package pairing

// Confidence is how surely a claim follows from the capture. The zero value is counted, not printed.
type Confidence uint8

// Confidence levels, least first.
const (
	Suppressed Confidence = iota // below one half: counted in the summary only
	Possible                     // two assumptions, a gap in the window, or the client's policy is unknown
	Likely                       // one ordinary assumption that this capture does not test
	Strong                       // one assumption that this capture tests
	Proven                       // follows from captured bytes and sequence arithmetic
)

var confidenceNames = [...]string{"", "possible", "likely", "strong", "proven"}

// String returns the word that every output uses.
func (c Confidence) String() string { return confidenceNames[c] }

// Number returns the level as machine output gives it: 0, 0.55, 0.8, 0.95 or 1.
func (c Confidence) Number() float64 { return [...]float64{0, 0.55, 0.8, 0.95, 1}[c] }

// Down returns the next lower level; Possible stays.
func (c Confidence) Down() Confidence {
	if c > Possible {
		return c - 1
	}
	return c
}

// ParseConfidence is the inverse of String.
func ParseConfidence(word string) (Confidence, bool) {
	for i, n := range confidenceNames {
		if n == word && i > 0 {
			return Confidence(i), true
		}
	}
	return 0, false
}
