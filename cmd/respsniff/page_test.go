package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/respsniff/respsniff/internal/chromium"
	"github.com/respsniff/respsniff/internal/report/rows"
	"github.com/respsniff/respsniff/internal/testcap"
)

// browse starts a browser, or skips.
func browse(t *testing.T) *chromium.Browser {
	t.Helper()
	b, err := chromium.Start(5 * time.Minute)
	if errors.Is(err, chromium.ErrNone) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if len(b.Console) > 0 {
			t.Errorf("the console says:\n%s", strings.Join(b.Console, "\n"))
		}
		b.Close()
	})
	return b
}

// written writes the page of a capture and returns its address.
func written(t *testing.T, path string, more ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "page.html")
	r := runApp(t, nil, "", append([]string{"analyze", "--tz", "UTC", "-o", "html=" + out, path}, more...)...)
	if r.code != exitFindings && r.code != exitClean {
		t.Fatalf("exit code %d: %s", r.code, r.errout)
	}
	return "file://" + out
}

// viewed serves the page of a capture and returns its address.
func viewed(t *testing.T, path string, more ...string) string {
	t.Helper()
	read, write := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int)
	a := &app{stdin: strings.NewReader(""), stdout: write, stderr: io.Discard, env: func(string) (string, bool) { return "", false }}
	go func() {
		code := a.run(ctx, append([]string{"view", "--tz", "UTC", path}, more...))
		write.Close()
		done <- code
	}()
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("view printed %q: exit code %d", line, <-done)
	}
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != exitClean {
			t.Errorf("view ended with %d", code)
		}
	})
	return strings.TrimSpace(line)
}

func eval[T any](t *testing.T, b *chromium.Browser, expression string) (v T) {
	t.Helper()
	if err := b.Eval(expression, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func must1(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// misread is a call of pairs that got another call's reply.
func misread(t *testing.T, path string) (all []rows.Exchange, byPlace map[[2]int64]rows.Exchange) {
	t.Helper()
	byPlace = map[[2]int64]rows.Exchange{}
	for line := range strings.Lines(runApp(t, nil, "", "pairs", "-o", "ndjson", path).out) {
		var e rows.Exchange
		must1(t, json.Unmarshal([]byte(line), &e))
		byPlace[[2]int64{e.Conn, int64(e.Index)}] = e
		if e.Believes != nil && e.Believes.Index != 0 && e.Believes.Index != e.Index {
			all = append(all, e)
		}
	}
	return all, byPlace
}

// TestLadderDrawsWhoTookWhat holds every line of every ladder against pairs: from the packet of the reply that was taken, to
// the packet of the call that took it, as sure as pairs says; in the file and from the server.
func TestLadderDrawsWhoTookWhat(t *testing.T) {
	b := browse(t)
	must1(t, b.Size(1280, 900, false))
	for _, name := range []string{"01a_small.pcap", "lab_j2.pcap"} {
		path := testcap.Path(t, name)
		wrong, byPlace := misread(t, path)
		if len(wrong) == 0 {
			t.Fatalf("%s has no misread call", name)
		}
		for how, address := range map[string]string{"file": written(t, path), "view": viewed(t, path)} {
			open := int64(0)
			for _, e := range wrong {
				if e.Conn != open {
					must1(t, b.Open(fmt.Sprintf("%s#conn-%d-%d", address, e.Conn, e.Index)))
					taken := byPlace[[2]int64{e.Conn, int64(e.Believes.Index)}]
					text := eval[string](t, b, `document.getElementById("detail").textContent`)
					for _, frame := range []int64{e.Frame, taken.Frame, taken.Serves.Frame} {
						if !strings.Contains(text, fmt.Sprint(frame)) {
							t.Errorf("%s of %s: the detail of connection %d #%d lacks frame %d: %s", how, name, e.Conn, e.Index, frame, text)
						}
					}
				}
				open = e.Conn
				type line struct {
					Reply, Sure      string
					Y0, Y1, From, To float64
				}
				got := eval[*line](t, b, fmt.Sprintf(`(() => {
					const g = document.querySelector('.line-stolen[data-call="%d"], .line-harmless[data-call="%[1]d"]');
					if (!g) return null;
					const path = g.querySelector(":scope > path:last-child");
					const d = path.getAttribute("d").match(/-?[\d.]+/g).map(Number);
					const y = (sel) => Number(document.querySelector(sel).getAttribute("d").split(" ")[1].split("H")[0]);
					return { Reply: g.dataset.reply, Sure: g.dataset.sure, Y0: d[1], Y1: d[7], From: y('.reply[data-of="%d"]'), To: y('.packet[data-frame="%d"]') };
				})()`, e.Index, e.Believes.Index, e.Frame))
				if got == nil {
					t.Errorf("%s of %s: connection %d has no line to #%d", how, name, e.Conn, e.Index)
				} else if got.Reply != fmt.Sprint(e.Believes.Index) || got.Sure != e.Believes.Confidence || got.Y0 != got.From || math.Abs(got.Y1-got.To) > 1.5 {
					t.Errorf("%s of %s: connection %d #%d: %+v, want the reply to #%d, %s", how, name, e.Conn, e.Index, *got, e.Believes.Index, e.Believes.Confidence)
				}
			}
		}
	}
}

// TestPageSaysWhatPairsSays compares every command in the data of a page with its row of pairs.
func TestPageSaysWhatPairsSays(t *testing.T) {
	for _, name := range []string{"01a_small.pcap", "02a_redispy451_asyncio_cancel.pcap", "04_multi.pcap", "04_pubsub.pcap", "04_reply.pcap", "lab_a1.pcap"} {
		path := testcap.Path(t, name)
		text, err := os.ReadFile(strings.TrimPrefix(written(t, path), "file://"))
		must1(t, err)
		_, data, _ := strings.Cut(string(text), `id="data">`)
		data, _, _ = strings.Cut(data, "</script>")
		var page struct {
			Ladders map[string]struct{ Rows [][]any }
		}
		must1(t, json.Unmarshal([]byte(data), &page))
		_, byPlace := misread(t, path)
		compared := 0
		for conn, l := range page.Ladders {
			for _, row := range l.Rows {
				id, err := strconv.ParseInt(conn, 10, 64)
				must1(t, err)
				e := byPlace[[2]int64{id, int64(row[0].(float64))}]
				key := any(nil)
				if e.Key != nil {
					key = *e.Key
				}
				want := []any{float64(e.Frame), float64(e.Outstanding), e.Command, key}
				got := []any{row[3], row[6], row[10], row[11]}
				if r, ok := row[14].([]any); ok && e.Serves != nil {
					got = append(got, r[2], r[7], r[5].(float64)-r[4].(float64), r[8])
					want = append(want, float64(e.Serves.Frame), e.Serves.Kind, float64(e.Serves.Bytes), e.Serves.Error)
				} else if ok != (e.Serves != nil) {
					t.Errorf("%s: connection %s #%v: a reply in the one only", name, conn, row[0])
				}
				b := row[15].([]any)
				confidence := []string{"", "possible", "likely", "strong", "proven"}[int(b[1].(float64))]
				switch {
				case e.Believes == nil:
					got, want = append(got, b...), append(want, 0.0, 0.0, 0.0)
				case e.Believes.Confidence == "unknown":
					got, want = append(got, b[2]), append(want, 1.0)
				default:
					got, want = append(got, b[0], confidence), append(want, float64(e.Believes.Index), e.Believes.Confidence)
				}
				if x, ok := row[17].([]any); ok && e.Exec != nil {
					got, want = append(got, x...), append(want, float64(e.Exec.Element), e.Exec.Kind)
				} else if ok != (e.Exec != nil) {
					t.Errorf("%s: connection %s #%v: an element of EXEC in the one only", name, conn, row[0])
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: connection %s #%v (-pairs +page):\n%s", name, conn, row[0], diff)
				}
				compared++
			}
		}
		if compared < 40 {
			t.Errorf("%s: %d rows were compared", name, compared)
		}
	}
}

// TestFromHeadlineToFrames goes from the headline to the frames of one stolen reply: in two clicks.
func TestFromHeadlineToFrames(t *testing.T) {
	b := browse(t)
	path := testcap.Path(t, "01a_small.pcap")
	must1(t, b.Size(1280, 900, false))
	must1(t, b.Open(written(t, path)))
	must1(t, b.Click(".card .button.main"))
	must1(t, b.Wait(`location.hash.startsWith("#conn-") && document.querySelector("#detail .frames")`))
	must1(t, b.Click("#detail .acts .button"))
	must1(t, b.Wait(`document.querySelector("#detail h3").textContent.startsWith("#" + location.hash.split("-")[2] + " ")`))
	if text := eval[string](t, b, `document.getElementById("detail").textContent`); !strings.Contains(text, "Frames ") || !strings.Contains(text, "tshark -r ") ||
		!strings.Contains(text, "respsniff cut ") || !strings.Contains(text, "respsniff pairs ") || !strings.Contains(text, "taken by #") {
		t.Errorf("the detail says %s", text)
	}
}

// TestPageIsUsed searches, drags, zooms by keyboard, sorts, filters, and goes through a ladder by keyboard alone.
func TestPageIsUsed(t *testing.T) {
	b := browse(t)
	path := testcap.Path(t, "01a_small.pcap")
	for how, address := range map[string]string{"file": written(t, path), "view": viewed(t, path)} {
		must1(t, b.Size(1280, 900, false))
		must1(t, b.Open(address))
		count := func() int { return eval[int](t, b, `document.querySelectorAll(".conns tbody tr").length`) }
		if n := count(); n != 15 {
			t.Errorf("%s: %d rows of 17 connections on the first page, want 15", how, n)
		}

		// a connection is found by its port, and by a key that it asked for
		must1(t, b.Eval(`(() => { const s = document.querySelector("input[type=search]"); s.value = "48010 rs106"; s.dispatchEvent(new Event("input")); })()`, nil))
		if n := count(); n != 1 {
			t.Errorf("%s: %d connections are found, want 1", how, n)
		}
		must1(t, b.Click(".conns tbody a"))
		must1(t, b.Wait(`location.hash === "#conn-11"`))
		must1(t, b.Eval(`(() => { const s = document.querySelector("input[type=search]"); s.value = "gzqzlp"; s.dispatchEvent(new Event("input")); })()`, nil))
		must1(t, b.Wait(`document.querySelector(".found a")`))
		must1(t, b.Click(".found a"))
		must1(t, b.Wait(`document.querySelector("#detail h3") && document.querySelector("#detail h3").textContent.includes("GZQZLP")`))
		must1(t, b.Eval(`(() => { const s = document.querySelector("input[type=search]"); s.value = ""; s.dispatchEvent(new Event("input")); })()`, nil))

		// the calls that were hurt are listed
		must1(t, b.Click(".filters input[type=checkbox]"))
		must1(t, b.Wait(`document.querySelectorAll(".found li").length === 37`))
		must1(t, b.Click(".filters input[type=checkbox]"))
		must1(t, b.Wait(`!document.querySelector(".found li")`))

		// a span is dragged, and what is below follows
		must1(t, b.Eval(`document.getElementById("time").scrollIntoView({ behavior: "instant" })`, nil))
		box := eval[[4]float64](t, b, `(() => { const r = document.querySelector("canvas").getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })()`)
		before := eval[string](t, b, `document.querySelector(".span-text").textContent`)
		y := box[1] + box[3]/2
		must1(t, b.Mouse("mousePressed", box[0]+box[2]*0.75, y))
		must1(t, b.Mouse("mouseMoved", box[0]+box[2]*0.85, y))
		must1(t, b.Mouse("mouseReleased", box[0]+box[2]*0.95, y))
		must1(t, b.Wait(`document.getElementById("table-note").textContent.includes("in the span above")`))
		if n, text := count(), eval[string](t, b, `document.querySelector(".span-text").textContent`); text == before || n == 0 || n >= 15 {
			t.Errorf("%s: after dragging %q there are %d connections in %q", how, before, n, text)
		}

		// the keyboard zooms, moves and goes back
		must1(t, b.Eval(`document.querySelector("canvas").focus()`, nil))
		dragged := eval[string](t, b, `document.querySelector(".span-text").textContent`)
		for _, key := range []string{"+", "ArrowLeft", "-"} {
			must1(t, b.Key(key))
		}
		if text := eval[string](t, b, `document.querySelector(".span-text").textContent`); text == dragged {
			t.Errorf("%s: the keyboard did not move %q", how, text)
		}
		must1(t, b.Key("Home"))
		if text := eval[string](t, b, `document.querySelector(".span-text").textContent`); text != before {
			t.Errorf("%s: Home shows %q, want %q", how, text, before)
		}

		// the columns sort
		must1(t, b.Eval(`document.querySelector(".conns th:nth-child(10) button").click()`, nil))
		waits := eval[[]string](t, b, `[...document.querySelectorAll(".conns tbody tr td:nth-child(1)")].map((c) => c.textContent)`)
		if waits[0] != "7" {
			t.Errorf("%s: by the longest wait connection %s is first, want 7", how, waits[0])
		}

		// from call to call by keyboard
		must1(t, b.Open(address+"#conn-11-2"))
		must1(t, b.Eval(`document.querySelector('[data-index="2"]').focus()`, nil))
		must1(t, b.Key("ArrowDown"))
		if text := eval[string](t, b, `document.querySelector("#detail h3").textContent + location.hash + document.activeElement.dataset.index`); text != "#3 GET short_url_pre.WrNcHK#conn-11-33" {
			t.Errorf("%s: below #2 is %s", how, text)
		}
		if said := eval[string](t, b, `document.getElementById("status").textContent`); !strings.Contains(said, "its caller got the reply to #2") {
			t.Errorf("%s: a screen reader is told %q", how, said)
		}

		// on a phone nothing is wider than the window
		must1(t, b.Size(390, 844, true))
		must1(t, b.Open(address))
		if w := eval[int](t, b, `document.documentElement.scrollWidth`); w > 390 {
			t.Errorf("%s: the page is %d pixels wide on a window of 390", how, w)
		}
	}
}

// TestFileAndViewAreOne compares what both show of a run, and the table beside the ladder with pairs.
func TestFileAndViewAreOne(t *testing.T) {
	b := browse(t)
	must1(t, b.Size(1280, 900, false))
	for _, name := range []string{"01a_small.pcap", "07b_hiredis_reconnect.pcap"} {
		path := testcap.Path(t, name)
		shown := map[string]string{}
		for how, address := range map[string]string{"file": written(t, path), "view": viewed(t, path)} {
			must1(t, b.Open(address))
			shown[how] = eval[string](t, b, `document.body.innerText + [...document.querySelectorAll("details")].map((d) => d.textContent).join("\n") + document.querySelector(".ladder").outerHTML`)
		}
		if diff := cmp.Diff(strings.Split(shown["file"], "\n"), strings.Split(shown["view"], "\n")); diff != "" {
			t.Errorf("%s (-file +view):\n%s", name, diff)
		}
		if len(shown["file"]) < 5000 {
			t.Errorf("%s shows %d bytes", name, len(shown["file"]))
		}
	}
}

// TestHostileNamesAreText: keys, errors and names that would act in a page are text in it.
func TestHostileNamesAreText(t *testing.T) {
	b := browse(t)
	path := generated(t, `
conn c1 10.0.0.1:40001 -> 10.0.0.2:6379
c1 > CLIENT SETNAME "<img/src=x/onerror=document.title='owned'>" => +OK
c1 > GET "</script><script>document.title='owned'</script>" => $v
c1 > GET "${document.title='owned'}{{constructor}}" => -ERR <svg onload=document.title='owned'>
c1 > GET "\u202eevil\x1b[31m" => $v
c1 > "<b>X</b>" => -ERR unknown command '<b>X</b>'
`)
	for how, address := range map[string]string{"file": written(t, path), "view": viewed(t, path)} {
		must1(t, b.Open(address))
		text := eval[string](t, b, `document.getElementById("ladder").textContent`)
		for _, want := range []string{"</script><script>document.title='owned'</script>", `\u202eevil\x1b[31m`, "-ERR <svg onload="} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the ladder lacks %q", how, want)
			}
		}
		if bad := eval[int](t, b, `document.querySelectorAll("img, iframe, object, embed, b, [onerror], [onload]").length + document.scripts.length`); bad != 2 {
			t.Errorf("%s: %d elements that no page has, or scripts, want the 2 scripts of the page", how, bad)
		}
		if title := eval[string](t, b, "document.title"); title == "owned" {
			t.Errorf("%s: a text acted", how)
		}
	}
}

// TestSavedRunHasAPage: of a saved run there are the words, and a note that there is no more.
func TestSavedRunHasAPage(t *testing.T) {
	b := browse(t)
	dir := t.TempDir()
	saved, out := filepath.Join(dir, "run.json"), filepath.Join(dir, "page.html")
	for _, args := range [][]string{{"analyze", "-o", "json=" + saved, testcap.Path(t, "01a_small.pcap")}, {"render", saved, "-o", "html=" + out}} {
		if r := runApp(t, nil, "", args...); r.code != exitFindings {
			t.Fatalf("%v: exit code %d: %s", args, r.code, r.errout)
		}
	}
	must1(t, b.Open("file://"+out+"#conn-11"))
	text := eval[string](t, b, "document.body.innerText")
	for _, want := range []string{"37 calls got another call's reply", "Do now", "A saved run has no connections", "What this file leaves out"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if n := eval[int](t, b, `document.querySelectorAll("canvas, svg.ladder, a[href^='#conn-']").length`); n > 0 {
		t.Errorf("the page has %d pictures, or links to some", n)
	}
}

// TestDoubtsStandAtTheTop: a verdict that is UNDECIDED comes with the flag that would decide.
func TestDoubtsStandAtTheTop(t *testing.T) {
	b := browse(t)
	must1(t, b.Open(written(t, testcap.Path(t, "09i_go_pool_few_calls.pcap"))))
	if text := eval[string](t, b, `document.querySelector("header").innerText`); !strings.Contains(text, "UNDECIDED") || !strings.Contains(text, "to decide: --read-timeout 10.77.0.1=200ms") {
		t.Errorf("the head says %q", text)
	}
}

// TestViewThatEnded: a page whose server has gone says so.
func TestViewThatEnded(t *testing.T) {
	b, err := chromium.Start(5 * time.Minute)
	if errors.Is(err, chromium.ErrNone) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	must1(t, err)
	defer b.Close()
	t.Run("while it runs", func(t *testing.T) { must1(t, b.Open(viewed(t, testcap.Path(t, "01a_small.pcap")))) })
	must1(t, b.Eval(`location.hash = "#conn-12"`, nil))
	must1(t, b.Wait(`document.getElementById("failed") && document.getElementById("failed").textContent.includes("it has ended")`))
}

// TestFramesAreOfTheirFiles: where several files are one capture, frames count from 1 in each, and the lines for tshark are apart.
func TestFramesAreOfTheirFiles(t *testing.T) {
	b := browse(t)
	whole, err := os.ReadFile(generated(t, `
conn c1 10.0.0.1:40001 -> 10.0.0.2:6379
repeat 20 every 10ms { c1 > GET w{i} => $w }
1.0 c1 > GET a
+300.4ms c1 > GET b
+100ms c1 < $A | $B
`))
	must1(t, err)
	dir := t.TempDir()
	const header, last = 24, 3 // in the second file: GET b, its ACK, the replies
	cuts := []int{header}
	for at := header; at < len(whole); at = cuts[len(cuts)-1] {
		cuts = append(cuts, at+16+int(binary.LittleEndian.Uint32(whole[at+8:])))
	}
	at := cuts[len(cuts)-1-last-1]
	one, two := filepath.Join(dir, "one.pcap"), filepath.Join(dir, "two.pcap")
	must1(t, os.WriteFile(one, whole[:at], 0o600))
	must1(t, os.WriteFile(two, slices.Concat(whole[:header], whole[at:]), 0o600))
	must1(t, b.Open(written(t, one, two, "--policy", "lockstep")+"#conn-1-22"))
	given := int64(0) // frame of the command that was given up, in the first file
	for line := range strings.Lines(runApp(t, nil, "", "pairs", "-o", "ndjson", one, two).out) {
		var e rows.Exchange
		must1(t, json.Unmarshal([]byte(line), &e))
		if e.Index == 21 {
			given = e.Frame
		}
	}
	lines := eval[[]string](t, b, `[...document.querySelectorAll("#detail .frames")].map((p) => p.textContent)`)
	if want := []string{"Frames 1, 2, 3 of " + two, fmt.Sprintf("Frames %d of %s", given, one)}; !slices.Equal(lines, want) {
		t.Errorf("frames %q, want %q", lines, want)
	}
}

// TestPageKeepsSecrets: neither the file nor what the server sends has passwords, or values without --show-values.
func TestPageKeepsSecrets(t *testing.T) {
	path := generated(t, `
conn c1 10.0.0.1:40001 -> 10.0.0.2:6379
c1 > AUTH SEKRIT => -WRONGPASS invalid username-password pair
c1 > HELLO 3 AUTH me SEKRIT => -NOAUTH
c1 > CONFIG SET requirepass SEKRIT => -ERR "Invalid argument 'SEKRIT' for CONFIG SET 'requirepass'"
c1 > CONFIG GET requirepass => [ $requirepass $SEKRIT ]
c1 > SET thekey HIDDENVALUE => +OK
c1 > GET thekey => $HIDDENVALUE
`)
	page, err := os.ReadFile(strings.TrimPrefix(written(t, path), "file://"))
	must1(t, err)
	masked, err := os.ReadFile(strings.TrimPrefix(written(t, path, "--mask", "keys,addresses"), "file://"))
	must1(t, err)
	valued, err := os.ReadFile(strings.TrimPrefix(written(t, path, "--show-values"), "file://"))
	must1(t, err)
	for text, in := range map[string]struct{ page, masked, values bool }{"SEKRIT": {}, "HIDDENVALUE": {values: true}, "thekey": {page: true, values: true}, "10.0.0.1": {page: true, values: true}} {
		for how, x := range map[string]struct {
			text string
			want bool
		}{"plain": {string(page), in.page}, "masked": {string(masked), in.masked}, "with values": {string(valued), in.values}} {
			if got := strings.Contains(x.text, text); got != x.want {
				t.Errorf("%s: has %q: %t, want %t", how, text, got, x.want)
			}
		}
	}
}
