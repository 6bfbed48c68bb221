package interop

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// driver is a process of Node.js or Python with real clients in it.
type driver struct {
	*inbox
	t       *testing.T
	process *exec.Cmd
	killed  bool // by the test
	in      *json.Encoder
	asked   int
}

// command is a request to a driver.
type command struct {
	Do      string         `json:"do"`
	Client  string         `json:"client"`
	URL     string         `json:"url,omitempty"`
	Options map[string]any `json:"options,omitempty"`
	Event   string         `json:"event,omitempty"`
	Args    []any          `json:"args,omitempty"`
	ID      string         `json:"id,omitempty"`
}

// need skips the test if a program or file that it needs is missing; in CI it
// fails.
func need(t *testing.T, programs []string, files ...string) {
	t.Helper()
	missing := ""
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing += " " + p
		}
	}
	for _, f := range files {
		if _, err := os.Stat(f); err != nil {
			missing += " " + f
		}
	}
	switch {
	case missing == "":
	case os.Getenv("CI") == "true":
		t.Fatalf("missing:%s (make test installs it)", missing)
	default:
		t.Skipf("missing:%s (make test installs it)", missing)
	}
}

// newDriver starts a driver in Node.js that ends with the test.
func newDriver(t *testing.T) *driver {
	t.Helper()
	need(t, []string{"node"}, "node_modules/socket.io-client-2")
	return startDriver(t, "node", "driver.mjs")
}

// newPythonDriver is newDriver with the clients of Debian's python3-socketio,
// which only Debian's own Python finds.
func newPythonDriver(t *testing.T) *driver {
	t.Helper()
	const python = "/usr/bin/python3"
	need(t, []string{python}, "/usr/lib/python3/dist-packages/socketio", "/usr/lib/python3/dist-packages/websocket")
	return startDriver(t, python, "driver.py")
}

func startDriver(t *testing.T, program string, args ...string) *driver {
	t.Helper()
	process := exec.Command(program, args...)
	process.Stderr = os.Stderr
	in, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	d := &driver{inbox: newInbox(), t: t, process: process, in: json.NewEncoder(in)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		d.read(out)
	}()
	t.Cleanup(func() {
		in.Close()
		<-read
		if err := process.Wait(); err != nil && !d.killed {
			t.Errorf("driver: %v", err)
		}
	})
	return d
}

func (d *driver) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r report
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			d.t.Errorf("driver says %q: %v", lines.Bytes(), err)
			continue
		}
		d.add(r)
	}
}

func (d *driver) tell(c any) {
	d.t.Helper()
	if err := d.in.Encode(c); err != nil {
		d.t.Fatalf("driver: %v", err)
	}
}

// client is one client in a driver.
type client struct {
	*driver
	name string
}

// open makes a client and lets it connect.
func (d *driver) open(name, url string, options map[string]any) *client {
	d.t.Helper()
	d.tell(command{Do: "open", Client: name, URL: url, Options: options})
	return &client{d, name}
}

// join opens a client and waits until it is connected.
func (d *driver) join(name, url string, options map[string]any) *client {
	d.t.Helper()
	c := d.open(name, url, options)
	c.expect("connect")
	return c
}

// expect waits for the client's next report of a kind and takes it out.
func (c *client) expect(is string) report {
	c.t.Helper()
	r, ok := c.await(is, wait.Patience)
	if !ok {
		c.t.Fatalf("client %s: no %q; it reported %v", c.name, is, c.reported(c.name))
	}
	return r
}

// await is expect for a report that may be missing.
func (c *client) await(is string, within time.Duration) (r report, ok bool) {
	_, r, ok = c.take(c.name, is, within, func(report) bool { return true })
	return r, ok
}

// expectText is expect for a report with a known text.
func (c *client) expectText(is, text string) {
	c.t.Helper()
	if r := c.expect(is); r.Text != text {
		c.t.Fatalf("client %s: %s %q, want %q", c.name, is, r.Text, text)
	}
}

// expectEvent waits for the client's next event, which must be this one.
func (c *client) expectEvent(event string, args ...any) {
	c.t.Helper()
	r := c.expect("event")
	if r.Text != event {
		c.t.Fatalf("client %s: event %q %s, want %q", c.name, r.Text, r.Args, event)
	}
	same(c.t, r.Args, args)
}

func (c *client) emit(event string, args ...any) {
	c.t.Helper()
	c.tell(command{Do: "emit", Client: c.name, Event: event, Args: args})
}

// ask emits an event and waits for its acknowledgement's arguments.
func (c *client) ask(event string, args ...any) []json.RawMessage {
	c.t.Helper()
	c.asked++
	id := strconv.Itoa(c.asked)
	c.tell(command{Do: "ask", Client: c.name, Event: event, Args: args, ID: id})
	r := c.expect("reply " + id)
	if r.Text != "" {
		c.t.Fatalf("client %s: %s: %s", c.name, event, r.Text)
	}
	return r.Args
}

func (c *client) disconnect() {
	c.t.Helper()
	c.tell(command{Do: "disconnect", Client: c.name})
}

// move has the client use another server from its next connection on.
func (c *client) move(url string) {
	c.t.Helper()
	c.tell(command{Do: "move", Client: c.name, URL: url})
	c.expect("moved")
}

// bytes returns binary data in the form in which drivers send and take it.
func bytes(b ...byte) map[string]any {
	return map[string]any{"$bytes": base64.StdEncoding.EncodeToString(b)}
}

// same compares arguments as JSON.
func same(t *testing.T, got []json.RawMessage, want []any) {
	t.Helper()
	plain := func(v any) (out any) {
		b, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(b, &out)
		}
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got == nil {
		got = []json.RawMessage{}
	}
	if want == nil {
		want = []any{}
	}
	if g, w := plain(got), plain(want); !reflect.DeepEqual(g, w) {
		t.Fatalf("arguments %v, want %v", g, w)
	}
}
