package rows

import (
	"encoding/json"
	"iter"

	"github.com/respsniff/respsniff/internal/timesort"
)

// Sorter holds the rows of pairs or conns until all have come, and returns them in order of time. Its memory is bounded:
// see timesort.Sorter, which keeps the rest in temporary files.
type Sorter struct {
	rows timesort.Sorter
	none func() Row
}

// NewSorter returns a Sorter for the rows of a list, as NewWriter names it, that holds memory bytes.
func NewSorter(list string, memory int) *Sorter {
	return &Sorter{rows: timesort.Sorter{Memory: memory}, none: func() Row { return none(list) }}
}

// Add takes a row.
func (s *Sorter) Add(row Row) error {
	text, err := json.Marshal(row)
	if err != nil {
		return err
	}
	return s.rows.Add(row.moment(), text)
}

// Rows returns the rows; those of one time in the order in which they came.
func (s *Sorter) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for text, err := range s.rows.All() {
			row := s.none()
			if err == nil {
				err = json.Unmarshal(text, row)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// Close gives up the rows and removes what was written of them.
func (s *Sorter) Close() error { return s.rows.Close() }
