// Package nearest finds the word that a misspelt one may stand for.
package nearest

// maxLength bounds the words that are compared, in bytes.
const maxLength = 64

// Of returns the index of the word that is written most like another, the first of equals; -1 where more than a third of the
// letters of each differ, or where word is shorter than three letters.
func Of(word string, words []string) int {
	best, least := -1, 0
	if len(word) < 3 || len(word) > maxLength {
		return best
	}
	for i, w := range words {
		if len(w) > maxLength {
			continue
		}
		if n := distance(word, w); n <= len(w)/3 && (best < 0 || n < least) {
			best, least = i, n
		}
	}
	return best
}

// distance counts the bytes to insert, delete, replace or swap with their neighbour to make b of a: the optimal string
// alignment distance.
func distance(a, b string) int {
	older, old, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old, row = old, row, older
	}
	return old[len(b)]
}
