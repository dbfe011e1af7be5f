package reader

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"math/rand"
	"os"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/inference"
)

// scarce are worlds in which there is little to go by: few connections, few calls, one stall or none.
func scarce() (list []sim) {
	for seed := range int64(16) {
		list = append(list, sim{
			conns: 1 + int(seed%3), calls: 6 + 3*int(seed%7), rtt: []float64{0.0001, 0.002, 0.030}[seed%3], timeout: 0.15,
			stalls: 0.3, healthy: 0.05 * float64(seed%5), seed: seed,
		})
	}
	return list
}

// everyKind plays worlds with readers of every kind. watch is called with each row and the evidence for unread replies on
// its connection and in its population.
func everyKind(t *testing.T, list []sim, watch func(name string, r *Row, gain, whole float64)) {
	t.Helper()
	for kind := range client.NumKinds {
		for _, w := range list {
			w.kind = client.Kind(kind)
			name := fmt.Sprintf("%v rtt %v from %v s seed %d", w.kind, w.rtt, w.healthy, w.seed)
			w.watch = func(r *Reader) {
				judged := r.judged
				r.judged = func(v *Verdict) {
					for i := range v.Rows {
						watch(name, &v.Rows[i], v.Gain, v.Conn.pop.whole)
					}
					judged(v)
				}
			}
			w.run(t)
		}
	}
}

// No row has a word that the table does not give its posterior, whatever the table is: there is no other one.
func TestWordsComeFromOneTable(t *testing.T) {
	was := thresholds
	defer func() { thresholds = was }()
	for _, table := range [][3]float64{{0.97, 0.8, 0.55}, {0.9999, 0.995, 0.99}, {2, 2, 2}} {
		for i := range thresholds {
			thresholds[i].least = table[i]
		}
		rows := 0
		everyKind(t, scarce(), func(name string, r *Row, _, _ float64) {
			rows++
			if r.Word > WordOf(r.Posterior) {
				t.Errorf("%v: %s: %+v: the table says %v", table, name, *r, WordOf(r.Posterior))
			}
			if (r.Word == Unknown) != (r.Got == Untold) {
				t.Errorf("%v: %s: %+v", table, name, *r)
			}
		})
		if rows < 1000 {
			t.Errorf("%v: only %d rows", table, rows)
		}
	}
}

// Callers that settle at once have the words of the same table: their posterior falls with the wait.
func TestSettledWordsComeFromTheTable(t *testing.T) {
	var p pace
	for _, usual := range []float64{0.0001, 0.002, 0.090} {
		p.set(usual)
		for wait := usual / 2; wait < 2*inference.Longest; wait *= 1.01 {
			posterior := 1 - inference.Hidden*max(0, math.Log(wait/usual))/math.Log(inference.Longest/usual)
			if want := max(Possible, WordOf(posterior)); p.word(wait, false) != want {
				t.Fatalf("usually %v s, waited %v s: %v, the table gives %v for %v", usual, wait, p.word(wait, false), want, posterior)
			}
		}
	}
}

// A caller is accused of having another's reply, likely or strongly, only with positive evidence on its connection or in
// its population.
func TestAccusationsNeedPositiveEvidence(t *testing.T) {
	weak, strong := 0, 0
	everyKind(t, append(scarce(), worlds[0]), func(name string, r *Row, gain, whole float64) {
		if r.Got == Nothing || r.Got == Untold || r.Got == Read && r.Reply == r.Index {
			return
		}
		g := max(gain, whole/2)
		if r.Word >= Strong && g < math.Log(100) || r.Word >= Likely && g < math.Log(30) {
			t.Errorf("%s: %+v with evidence of %.2f", name, *r, g)
		}
		if g < math.Log(30) && r.Posterior >= thresholds[1].least {
			weak++
		} else if r.Word >= Strong {
			strong++
		}
	})
	if weak < 10 || strong < 100 {
		t.Errorf("%d rows were held back for want of evidence, %d are strong: that tests too little", weak, strong)
	}
}

func TestAccusationNeverStrengthens(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 10_000 {
		w, gain, whole := Word(rng.Intn(int(Proven)+1)), rng.NormFloat64()*6, rng.NormFloat64()*12
		got := accusation(w, gain, whole)
		more := accusation(w, gain+rng.Float64(), whole+rng.Float64())
		if got > w || more < got || got > Possible && max(gain, whole/2) < math.Log(30) {
			t.Fatalf("%v with %v and %v: %v; with more: %v", w, gain, whole, got, more)
		}
	}
}

// The strong words are given in words.go only: everywhere else one may be taken back, not given. pace.word has the table's
// thresholds as waits, see above.
func TestStrongWordsAreGivenInOnePlace(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	for _, f := range files {
		if name := f.Name(); !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || name == "words.go" {
			continue
		}
		file, err := parser.ParseFile(fset, f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				return n.Name.Name != "word"
			case *ast.CallExpr:
				if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "min" {
					return false
				}
			case *ast.Ident:
				if n.Name == "Likely" || n.Name == "Strong" || n.Name == "Proven" {
					t.Errorf("%s: %s is given outside words.go", fset.Position(n.Pos()), n.Name)
				}
			}
			return true
		})
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		p    float64
		want Word
	}{{1, Strong}, {0.97, Strong}, {0.9, Likely}, {0.6, Possible}, {0.5, Unknown}} {
		if w := WordOf(c.p); w != c.want {
			t.Errorf("%v is %v", c.p, w)
		}
	}
	for _, c := range []struct {
		gain, whole float64
		want        Word
	}{{6, 0, Strong}, {0, 12, Strong}, {4, 0, Likely}, {1, 2, Possible}} {
		if w := accusation(Strong, c.gain, c.whole); w != c.want {
			t.Errorf("gain %v, whole %v: %v", c.gain, c.whole, w)
		}
	}
}
