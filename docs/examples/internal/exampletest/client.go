package exampletest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// Transports are the values of Options.Transport.
var Transports = []string{"polling", "websocket"}

// Options are how a client connects. The zero value is polling at /socket.io/.
type Options struct {
	Transport string       // "polling" or "websocket"
	Path      string       // "/socket.io/" when empty
	Header    http.Header  // of each request
	HTTP      *http.Client // with its cookies; http.DefaultClient when nil
}

// Client speaks Socket.IO to one server. It does not answer heartbeats.
type Client struct {
	t       testing.TB
	options Options
	url     string
	ws      *websocket.Conn
	packets []string // received, not yet returned by Next
}

// Refusal returns the status with which a client is refused, or 200 (polling)
// or 101 (WebSocket) if it is not.
func Refusal(t testing.TB, base string, o Options) int {
	t.Helper()
	c := newClient(t, base, o)
	if o.Transport == "websocket" {
		ws, r, err := websocket.Dial(t.Context(), c.url, &websocket.DialOptions{HTTPHeader: o.Header, HTTPClient: o.HTTP})
		if err == nil {
			ws.CloseNow()
		}
		if r == nil {
			t.Fatal(err)
		}
		return r.StatusCode
	}
	r := c.do(http.MethodGet, "")
	r.Body.Close()
	return r.StatusCode
}

// Connect opens a session and joins the namespace "/".
func Connect(t testing.TB, base string, o Options) *Client {
	t.Helper()
	c := newClient(t, base, o)
	if o.Transport == "websocket" {
		ws, _, err := websocket.Dial(t.Context(), c.url, &websocket.DialOptions{HTTPHeader: o.Header, HTTPClient: o.HTTP})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ws.CloseNow() })
		c.ws = ws
	}
	var open struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(c.Next(), "0")), &open); err != nil {
		t.Fatal(err)
	}
	c.url += "&sid=" + open.SID
	c.Send("40")
	if p := c.Next(); !strings.HasPrefix(p, `40{"sid":`) {
		t.Fatalf("joined with %s", p)
	}
	return c
}

func newClient(t testing.TB, base string, o Options) *Client {
	t.Helper()
	if o.Path == "" {
		o.Path = "/socket.io/"
	}
	if o.Transport == "" {
		o.Transport = "polling"
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.Path, u.RawQuery = o.Path, "EIO=4&transport="+o.Transport
	return &Client{t: t, options: o, url: u.String()}
}

// Ask emits an event with one argument, and returns the JSON of the
// acknowledgement's arguments.
func (c *Client) Ask(event, arg string) string {
	c.t.Helper()
	packet, err := json.Marshal([]string{event, arg})
	if err != nil {
		c.t.Fatal(err)
	}
	c.Send("427" + string(packet))
	answer, ok := strings.CutPrefix(c.Next(), "437")
	if !ok {
		c.t.Fatalf("%s is answered with %s", event, answer)
	}
	return answer
}

// Send sends a packet, such as 42["event"].
func (c *Client) Send(packet string) {
	c.t.Helper()
	if c.ws != nil {
		if err := c.ws.Write(c.t.Context(), websocket.MessageText, []byte(packet)); err != nil {
			c.t.Fatal(err)
		}
		return
	}
	r := c.do(http.MethodPost, packet)
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s", packet, r.Status)
	}
}

// Next returns the next packet of the server.
func (c *Client) Next() string {
	c.t.Helper()
	if c.ws != nil {
		_, b, err := c.ws.Read(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		return string(b)
	}
	for len(c.packets) == 0 {
		r := c.do(http.MethodGet, "")
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != http.StatusOK {
			c.t.Fatalf("poll: %s, %v", r.Status, err)
		}
		c.packets = strings.Split(string(b), "\x1e")
	}
	p := c.packets[0]
	c.packets = c.packets[1:]
	return p
}

// Poll sends one poll, and returns the answer without its body. It returns the
// error of the connection, with which Next would fail the test.
func (c *Client) Poll() (*http.Response, error) {
	c.t.Helper()
	answer, err := c.options.HTTP.Do(c.request(http.MethodGet, ""))
	if err == nil {
		answer.Body.Close()
	}
	return answer, err
}

func (c *Client) do(method, body string) *http.Response {
	c.t.Helper()
	answer, err := c.options.HTTP.Do(c.request(method, body))
	if err != nil {
		c.t.Fatal(err)
	}
	return answer
}

func (c *Client) request(method, body string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for name, values := range c.options.Header {
		r.Header[name] = values
	}
	return r
}
