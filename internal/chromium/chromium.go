// Package chromium drives a headless Chromium over its debugging pipe, for tests and for the pictures of the documentation.
package chromium

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Names are the programs that are looked for, in order.
var Names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless_shell"}

// ErrNone says that there is no Chromium here.
var ErrNone = errors.New("no Chromium here")

// Browser is a running Chromium with one page. It is used by one goroutine.
type Browser struct {
	cmd     *exec.Cmd
	in      *os.File
	out     *bufio.Reader
	dir     string
	session string
	next    int
	timer   *time.Timer
	// Console is what the page wrote to its console, and errors that nothing caught.
	Console []string
}

// Start starts a browser, which ends after at most limit.
func Start(limit time.Duration) (*Browser, error) {
	path := ""
	for _, name := range Names {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		return nil, ErrNone
	}
	dir, err := os.MkdirTemp("", "chromium")
	if err != nil {
		return nil, err
	}
	readIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, writeOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	b := &Browser{in: in, out: bufio.NewReaderSize(out, 1<<20), dir: dir}
	b.cmd = exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
		"--remote-debugging-pipe", "--user-data-dir="+dir, "about:blank")
	b.cmd.ExtraFiles = []*os.File{readIn, writeOut} // 3 and 4 of the child
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	readIn.Close()
	writeOut.Close()
	b.timer = time.AfterFunc(limit, func() { b.cmd.Process.Kill() })
	if err := b.attach(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Browser) attach() error {
	var target struct{ TargetID string }
	if err := b.Call("Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return err
	}
	var session struct{ SessionID string }
	if err := b.Call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session); err != nil {
		return err
	}
	b.session = session.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		if err := b.Call(domain+".enable", nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the browser.
func (b *Browser) Close() {
	b.timer.Stop()
	b.in.Close()
	b.cmd.Process.Kill()
	b.cmd.Wait()
	os.RemoveAll(b.dir)
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// Call calls a method of the DevTools protocol and reads its result into result, unless that is nil.
func (b *Browser) Call(method string, params, result any) error {
	b.next++
	ask := map[string]any{"id": b.next, "method": method}
	if params != nil {
		ask["params"] = params
	}
	if b.session != "" {
		ask["sessionId"] = b.session
	}
	text, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	for {
		text, err := b.out.ReadBytes(0)
		if err != nil {
			return fmt.Errorf("%s: the browser is gone: %w", method, err)
		}
		var m message
		if err := json.Unmarshal(text[:len(text)-1], &m); err != nil {
			return err
		}
		if m.ID != b.next {
			b.note(&m)
			continue
		}
		if m.Error != nil {
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(m.Result, result)
	}
}

// note keeps what the page says while something else is waited for.
func (b *Browser) note(m *message) {
	switch m.Method {
	case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded":
		b.Console = append(b.Console, m.Method+" "+string(m.Params))
	}
}

// Size sets the size of the window in pixels, and whether the page is to be dark.
func (b *Browser) Size(width, height int, dark bool) error {
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	return errors.Join(
		b.Call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil),
		b.Call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}}}, nil),
	)
}

// Open goes to an address and waits until the page says that it is drawn.
func (b *Browser) Open(url string) error {
	if err := b.Call("Page.navigate", map[string]any{"url": "about:blank"}, nil); err != nil {
		return err
	}
	if err := b.Call("Page.navigate", map[string]any{"url": url}, nil); err != nil {
		return err
	}
	if err := b.Wait(`document.documentElement.dataset.ready === "yes" || document.getElementById("failed")`); err != nil {
		return err
	}
	var failed string
	if err := b.Eval(`(document.getElementById("failed") || {}).textContent || ""`, &failed); err != nil || failed == "" {
		return err
	}
	return fmt.Errorf("the page says: %s\n%s", failed, strings.Join(b.Console, "\n"))
}

// patience is how long Wait waits.
const patience = time.Minute

// Wait waits until an expression is true.
func (b *Browser) Wait(expression string) error {
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		var yes bool
		if err := b.Eval("Boolean("+expression+")", &yes); err == nil && yes {
			return nil
		}
	}
	return fmt.Errorf("never true: %s\n%s", expression, strings.Join(b.Console, "\n"))
}

// Eval evaluates an expression, waits for a promise, and reads the value into result, unless that is nil.
func (b *Browser) Eval(expression string, result any) error {
	var answer struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	if err := b.Call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &answer); err != nil {
		return err
	}
	if x := answer.Exception; x != nil {
		return fmt.Errorf("%s: %s %s", expression, x.Text, x.Exception.Description)
	}
	if result == nil || len(answer.Result.Value) == 0 {
		return nil
	}
	return json.Unmarshal(answer.Result.Value, result)
}

// Mouse presses, moves or releases the left button at a place of the window.
func (b *Browser) Mouse(kind string, x, y float64) error {
	buttons := 1
	if kind == "mouseReleased" {
		buttons = 0
	}
	return b.Call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1}, nil)
}

// Click clicks at the middle of the first element that a selector finds, as a person would.
func (b *Browser) Click(selector string) error {
	quoted, _ := json.Marshal(selector)
	var at [2]float64
	if err := b.Eval(`(() => { const e = document.querySelector(`+string(quoted)+`); e.scrollIntoView({ block: "center", behavior: "instant" }); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`, &at); err != nil {
		return err
	}
	return errors.Join(b.Mouse("mousePressed", at[0], at[1]), b.Mouse("mouseReleased", at[0], at[1]))
}

// Key presses a key by its name, such as "ArrowDown" or "a".
func (b *Browser) Key(key string) error {
	params := map[string]any{"type": "keyDown", "key": key}
	if len(key) == 1 {
		params["text"] = key
	}
	if key == "Enter" {
		params["text"] = "\r"
	}
	if code := map[string]int{"Enter": 13, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "Escape": 27}[key]; code != 0 {
		params["windowsVirtualKeyCode"] = code
	}
	return errors.Join(b.Call("Input.dispatchKeyEvent", params, nil), b.Call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key}, nil))
}

// Picture returns what the window shows as PNG.
func (b *Browser) Picture() ([]byte, error) {
	var shot struct{ Data string }
	if err := b.Call("Page.captureScreenshot", map[string]any{"format": "png"}, &shot); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(shot.Data)
}
