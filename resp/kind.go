package resp

// Kind is the type of a reply, whichever protocol version wrote it.
type Kind uint8

// The kinds of replies. RESP2 has the first six: its null bulk string "$-1" and null array "*-1" are Null, as is "_"
// of RESP3. Both "-" and the bulk error "!" are Error.
const (
	NoKind Kind = iota
	Simple
	Error
	Integer
	Bulk
	Array
	Null
	Map
	Set
	Double
	Boolean
	Bignum
	Verbatim
	Push
)

var kindNames = [...]string{
	"none", "simple", "error", "integer", "bulk", "array", "null", "map", "set", "double", "boolean", "bignum", "verbatim", "push",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "none"
}

// Aggregate says whether replies of this kind have elements.
func (k Kind) Aggregate() bool {
	return k == Array || k == Map || k == Set || k == Push
}

// KindSet is a set of kinds.
type KindSet uint16

// Kinds makes a set.
func Kinds(kinds ...Kind) (s KindSet) {
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

// Has says whether k is in the set.
func (s KindSet) Has(k Kind) bool { return s>>k&1 != 0 }

// AnyKind has every kind.
const AnyKind = KindSet(1<<(Push+1) - 2)

// kindOf gives the kind that a marker byte announces, and NoKind for a byte that announces none. '|', ';' and '.'
// are not here: they are parts of values.
func kindOf(marker byte) Kind {
	switch marker {
	case '+':
		return Simple
	case '-', '!':
		return Error
	case ':':
		return Integer
	case '$':
		return Bulk
	case '*':
		return Array
	case '_':
		return Null
	case '%':
		return Map
	case '~':
		return Set
	case ',':
		return Double
	case '#':
		return Boolean
	case '(':
		return Bignum
	case '=':
		return Verbatim
	case '>':
		return Push
	}
	return NoKind
}
