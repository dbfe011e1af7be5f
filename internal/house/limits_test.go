package house

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// noBounds are the limits that are no bound.Bound, by folder, each with the reason: their being reached hides nothing of the
// traffic that the place does not say itself.
var noBounds = []struct {
	dir, reason string
	names       []string
}{
	{"analysis/pairing", "a decoder keeps the head of a value; its length and its count are whole", []string{"MaxQueued"}},
	{"analysis/pairing", "Alignment counts the contradictions that it does not describe", []string{"maxMisfits"}},
	{"analysis/pairing", "the reader's bound of its log, which it counts", []string{"MaxSessionLog"}},
	{"analysis/cluster", "longer than any host name", []string{"nameWidth"}},
	{"analysis/cluster", "examples: all are counted", []string{"stormExamples"}},
	{"analysis/pools", "beyond it two steps of time become one", []string{"maxTimeline"}},
	{"analysis/client", "more of a name than tells roles apart", []string{"maxName"}},
	{"internal/tlsrecord", "what is longer is no record and no message of the handshake that is read", []string{"maxRecord", "maxFragment", "headerSize", "maxMessage", "MaxContent"}},
	{"internal/state", "a file beyond them is refused, and so is one that overlaps the one before by more", []string{"maxState", "maxFiles", "maxName", "maxMarks"}},
	{"internal/state", "of more findings an occurrence may be told in two files", []string{"maxTold"}},
	{"internal/buildinfo", "as many digits as name a commit", []string{"commitShown"}},
	{"internal/split", "more files are refused", []string{"MaxParts"}},
	{"internal/merge", "warnings: the runs that they name are enough to look at", []string{"maxTwice"}},
	{"analysis/incident", "as many as a finding of one run has, which has a bound", []string{"maxMergedNotes"}},
	{"internal/report", "a summary with more lists none, and has their number", []string{"MaxParties"}},
	{"internal/state", "a packet that no segment stands for is of no connection", []string{"maxWaiting"}},
	{"internal/keylog", "longer than any line that is used; it counts as bad", []string{"maxLine"}},
	{"internal/names", "a file beyond them is refused", []string{"maxEntries", "maxLabel"}},
	{"analysis/client", "how many read timeouts one client has is a parameter of the model", []string{"MaxSteps"}},
	{"analysis/client", "working sizes: beyond it the same numbers are kept as a histogram", []string{"maxLessons"}},
	{"analysis/client", "samples: the most certain give-ups stand for the others", []string{"maxGiveUps", "maxSearched"}},
	{"analysis", "display: a story has the first few calls and signs of one connection; its misreads are all counted", []string{"maxStoryVictims"}},
	{"analysis", "examples and a count: the oldest of the commands behind one that blocks", []string{"maxBehind"}},
	{"analysis", "waits under CLIENT REPLY OFF that are too few to tell: each further one is weighed, and all are told from then on", []string{"untoldWaits"}},
	{"analysis/detectors", "display: the first few ports and reasons of encrypted connections; the connections are all counted", []string{"maxInNote"}},
	{"analysis/databases", "evidence is counted, and a sample of it is enough: commands that wait for their replies on a connection that has moved", []string{"asked"}},
	{"analysis", "what is dropped beyond them is counted by the bound of maxHeldSegments", []string{"maxHeldBytes", "maxHeldTotal"}},
	{"analysis/incident", "display: the first few in order; the damage counts all, and findings have the others", []string{"maxNamed", "maxRows", "maxOthers", "maxRemedies"}},
	{"analysis/desync", "examples: all are counted", []string{"maxAbandoned", "maxKeptAbandoned", "maxVictims", "maxForeign"}},
	{"analysis/desync", "a client that nobody can tell of is said with its first cases", []string{"maxUndecided"}},
	{"analysis/desync", "commands of a longer transaction are judged before its EXEC", []string{"maxHeldBlock"}},
	{"analysis/inference", "samples that go on: old values give way", []string{"MaxGateWaits"}},
	{"analysis/reader", "samples that go on: old values give way", []string{"maxReservoir", "maxTrips", "maxGone", "maxEnds"}},
	{"analysis/inference", "working sizes: what is longer is looked at again later, or settles", []string{"maxOfKind"}},
	{"analysis/reader", "working sizes: what is longer is looked at again later, or settles", []string{"maxLevel", "maxUnlearned", "maxQuiet", "maxSlow"}},
	{"analysis/inference", "parameters of the model", []string{"maxStep"}},
	{"analysis/reader", "parameters of the model", []string{"leastWaits", "maxDoubt"}},
	{"analysis/detectors", "display: a list says how many more there are, or shows fewer steps of time", []string{
		"maxPoints", "maxShownWaiting", "maxPhaseRows", "maxSteps", "maxProbesShown", "maxHops", "shownRefusals", "maxAddressed", "maxDecide", "maxShownBehind",
	}},
	{"analysis/detectors", "an error that most connections end with is among the first that they end with", []string{"maxLastReplies"}},
	{"analysis/detectors", "a sample of keys to try hash functions on; all redirects are counted", []string{"maxMisses"}},

	{"capture", "reading ends there with an error that names it", []string{
		"maxInterfaces", "maxInputs", "maxPacketBytes", "maxPreamble", "maxZstdWindow", "maxFilter", "maxLiveInterfaces", "maxBuffer",
		"DefaultMaxDecompressed",
	}},
	{"capture", "files that overlap beyond it are named in their notes", []string{"maxOpen"}},
	{"capture", "a working size: what is longer is read in parts", []string{"maxWindow", "maxEmptyReads", "maxTextLine"}},
	{"capture", "what is said about a file, not what is read of it", []string{"maxLinkTypes", "maxNotes", "maxInfoText", "maxInfoName"}},
	{"capture", "how text of tcpdump is recognised", []string{"maxDropText", "maxBare"}},

	{"reassembly", "a protocol's own limit", []string{"maxIPPayload", "maxWindow", "maxScale"}},
	{"reassembly", "packets beyond it are counted as undecodable, which the report shows", []string{"maxLayers"}},
	{"reassembly", "memory for use again; beyond it it is freed", []string{"maxBuffer", "maxRetained", "maxBacklogs", "maxHeap"}},
	{"reassembly", "late packets of a connection that ended so many ends ago begin one in mid-stream, which the report counts", []string{"maxEnded"}},
	{"reassembly", "which SYN belongs to a connection: a rule of TCP, not a limit", []string{"maxEarly"}},
	{"reassembly", "the default of an option whose bound is registered", []string{
		"DefaultMaxConns", "DefaultMaxHoleBytes", "DefaultMaxHolePackets", "DefaultMaxBuffered",
	}},

	{"resp", "Redis's own limit: beyond it the bytes are a syntax error with its place", []string{"MaxDepth", "MaxBulk", "MaxArgs", "MaxInline", "MaxCount", "maxMultibulk", "maxHeader", "maxSlotsGiven"}},
	{"resp", "a decoder keeps the head of a value; its length is whole", []string{"MaxElems", "MaxText", "MaxArg", "MaxElemText", "MaxLine", "MaxStatus"}},
	{"resp", "a working size, or a name longer than any that is known", []string{"maxSpare", "maxQuick", "maxClass", "maxName"}},
	{"resp/commands", "longer than the name of any command", []string{"maxName", "maxWord", "maxModuleName"}},

	{"internal/report/evidence", "what is beyond it is blanked in the cut", []string{"maxPassed", "maxPassedBytes", "maxRead"}},
	{"internal/live", "display: the report at the end has all", []string{"maxEarlyFacts"}},
	{"internal/live", "the command refuses more", []string{"MaxStreams"}},
	{"internal/metrics", "a request of a scraper beyond it is refused", []string{"maxHeader", "maxInFlight"}},
	{"internal/report", "display: the text says how many more there are", []string{
		"MaxInputs", "MaxVictims", "maxStories", "maxListed", "maxOutlines", "maxDoubts", "maxQuality", "maxNamedPeople", "maxSteps", "maxColumn",
	}},
	{"internal/report", "display: the flags of the user's own that a sentence names, and the width of a line", []string{"maxFlags", "maxWidth"}},
	{"internal/report", "figures draw the first few; findings and counts are whole", []string{"maxOwedConns", "maxOwedPoints", "MaxFigureLines", "maxDebts", "maxLatency"}},
	{"internal/report/formats", "display: the format says how many more there are, or JSON has them", []string{"maxAnnotations"}},
	{"internal/report/page", "display: the page says how many more there are, or where they are", []string{"maxFacts", "maxOthers", "maxValue", "fileRows", "maxFile", "maxLanes", "maxCounted"}},
	{"internal/report/page", "the limit of a bound that the store registers", []string{"maxConns"}},
	{"internal/view", "a request beyond it is refused or waits, or is answered in part and asked again", []string{"maxHeader", "maxInFlight", "maxText", "maxRows", "maxFound"}},
	{"internal/report", "a saved report beyond it is refused", []string{"maxSaved"}},
	{"internal/report/gate", "a file of the user beyond it is refused", []string{"maxFile"}},
	{"internal/report/gate", "display: the most frequent commands", []string{"maxDiffRows"}},
	{"internal/report/traffic", "what does not fit is counted in the row (others)", []string{"maxCommands", "maxPeers", "maxErrors"}},
	{"internal/report/traffic", "the most frequent, largest and slowest few; a key's count says by how much it may be too high", []string{"maxHot", "maxLargest", "maxSlowest", "maxListed"}},
	{"internal/report/traffic", "accuracy of a latency", []string{"maxBins"}},
	{"internal/report/traffic", "display: the text says how many more there are", []string{"maxTextRows"}},
	{"internal/report/evidence", "beyond it more is blanked, never less", []string{"maxSpans", "maxHeaders", "maxLength"}},
	{"internal/report/evidence", "display: a line says how many more there are", []string{"maxNumbers"}},
	{"internal/timesort", "runs beyond it are merged into one", []string{"maxRuns"}},
	{"internal/timesort", "sorting ends there with an error that names it", []string{"maxRecord"}},
	{"internal/nearest", "longer than any word that is looked for: none is suggested", []string{"maxLength"}},
	{"internal/scenario", "what the user writes is refused beyond it", []string{"maxFiller", "maxStatements", "maxNesting", "maxBrackets", "maxPayload", "maxDamageNumber"}},
	{"internal/config", "a file of the user beyond it is refused", []string{"maxSize"}},
	{"internal/trial", "tests", []string{"maxTrials"}},
	{"cmd/respsniff", "what the user writes is refused beyond it", []string{"maxScenario"}},
}

var limitName = regexp.MustCompile(`^([mM]ax|DefaultMax)[A-Z]`)

// TestEachLimitIsABound: a constant that is named as a limit is the Limit of a bound.Bound, or stands in noBounds with the
// reason. So does a constant that the length of a list is compared with, whatever its name.
func TestEachLimitIsABound(t *testing.T) {
	type key struct{ dir, name string }
	limits, bounds := map[key]string{}, map[key]bool{}
	consts := map[key]bool{}
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, spec := range g.Specs {
					for _, n := range spec.(*ast.ValueSpec).Names {
						consts[key{s.dir, n.Name}] = true
						if limitName.MatchString(n.Name) {
							limits[key{s.dir, n.Name}] = s.path
						}
					}
				}
			}
		}
	}
	for _, s := range sources(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BinaryExpr:
				for _, side := range [][2]ast.Expr{{n.X, n.Y}, {n.Y, n.X}} {
					name, ok := side[1].(*ast.Ident)
					if ok && measures(side[0]) && consts[key{s.dir, name.Name}] && compares(n.Op) && keeps(s.dir, name.Name) {
						limits[key{s.dir, name.Name}] = s.path
					}
				}
			case *ast.KeyValueExpr:
				if name, ok := n.Key.(*ast.Ident); ok && name.Name == "Limit" {
					mark(n.Value, func(name string) { bounds[key{s.dir, name}] = true })
				}
			case *ast.CallExpr:
				if slices.Contains([]string{"EvidenceBound", "DetailBound", "evidence", "detail"}, called(n)) {
					for _, arg := range n.Args {
						mark(arg, func(name string) { bounds[key{s.dir, name}] = true })
					}
				}
			}
			return true
		})
	}
	known := map[key]bool{}
	for _, x := range noBounds {
		for _, name := range x.names {
			k := key{x.dir, name}
			if limits[k] == "" {
				t.Errorf("noBounds has %s of %s, which is no limit any more", name, x.dir)
			} else if bounds[k] {
				t.Errorf("noBounds has %s of %s, which is a bound", name, x.dir)
			}
			known[k] = true
		}
	}
	for k, path := range limits {
		if !bounds[k] && !known[k] {
			t.Errorf("%s: %s is a limit, and no bound.Bound counts that it is reached; make it one, or say in noBounds why not", path, k.name)
		}
	}
}

// keeps reports whether what is compared in a folder may be how much is kept. In decoders it is how many bytes there are.
func keeps(dir, name string) bool {
	decodes := slices.ContainsFunc([]string{"capture", "reassembly", "resp", "internal/scenario"}, func(d string) bool { return inside(dir, d) })
	return !decodes && !strings.HasPrefix(name, "min") && !strings.HasSuffix(name, "Header")
}

func compares(op token.Token) bool {
	return slices.Contains([]token.Token{token.LSS, token.LEQ, token.GTR, token.GEQ, token.EQL}, op)
}

// measures reports whether an expression is how much is kept: len(x) or x.Len().
func measures(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	return ok && strings.EqualFold(called(call), "len")
}

func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// mark calls f with the names in an expression.
func mark(e ast.Expr, f func(name string)) {
	ast.Inspect(e, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			f(id.Name)
		}
		return true
	})
}
