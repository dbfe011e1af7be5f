package inference

// Type is the class of a reply, as far as a parser minds.
type Type uint8

// Classes of replies. Null and Failure can answer anything.
const (
	Opaque Type = iota // not captured, or of unknown framing
	Status
	Failure
	Integer
	Bulk
	Null
	Aggregate
)

// clashes reports whether a parser that waits for one class refuses the other.
func (t Type) clashes(o Type) bool {
	switch {
	case t == o, t == Opaque, o == Opaque, t == Null, o == Null, t == Failure, o == Failure:
		return false
	}
	return true
}
