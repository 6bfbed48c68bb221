package docs_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/sio"
)

// The functions and tests of this file are the Go code of recipes.md:
// TestGoBlocks compares them.

func serveUsers(srv *sio.Server, userOf func(token string) (string, error)) {
	srv.Use(func(s *sio.Socket) error {
		var auth struct{ Token string }
		if err := s.Handshake().BindAuth(&auth); err != nil {
			return err
		}
		user, err := userOf(auth.Token)
		if err != nil {
			return err
		}
		return s.SetData(user)
	})
	srv.OnConnection(func(s *sio.Socket) {
		s.Join("user:" + s.Data().(string))
	})
}

// notify reaches all devices of the user, on all servers of the cluster.
func notify(srv *sio.Server, user, text string) error {
	return srv.To("user:"+user).Emit("notice", text)
}

// logout ends all of them.
func logout(srv *sio.Server, user string) error {
	return srv.In("user:" + user).DisconnectSockets(true)
}

func refuseOldClients(srv *sio.Server) {
	srv.Use(func(s *sio.Socket) error {
		var auth struct{ Version int }
		if err := s.Handshake().BindAuth(&auth); err != nil || auth.Version < 3 {
			return &sio.ConnectError{
				Message: "please update",
				Data:    map[string]any{"code": "OLD_CLIENT", "minimum": 3},
			}
		}
		return nil
	})
}

func expel(s *sio.Socket, why string) {
	_ = s.Emit("expelled", why) // leaves before the connection ends
	s.Disconnect(true)
}

func onlyFrom(origins ...string) sio.Config {
	return sio.Config{
		Origins: origins, // such as "https://example.com" or "https://*.example.com"
		CORS:    &eio.CORS{Credentials: true},
	}
}

func limitMoves(srv *sio.Server) {
	sio.OnAck(srv, "move", func(ctx context.Context, s *sio.Socket, to string) (string, error) {
		return "ok", nil
	}, sio.Limit(10, 10)) // ten a second for each socket, and ten at once
}

func limitAllEvents() sio.Config {
	return sio.Config{EventLimits: &sio.EventLimits{
		Socket:  eio.Rate{PerSecond: 50, Burst: 50},
		Address: eio.Rate{PerSecond: 500, Burst: 500}, // of all its sockets
		Policy:  sio.EventRefuse,
	}}
}

func sendHistory(srv *sio.Server, history map[string][]string) {
	sio.OnAck(srv, "history", func(ctx context.Context, s *sio.Socket, room string) ([]string, error) {
		lines, ok := history[room]
		if !ok {
			return nil, &sio.Error{Message: "no such room", Code: "not_found", Data: room}
		}
		return lines, nil
	})
}

// receiveFiles stores each chunk before it answers. The client waits for the
// answer, so one chunk of each upload is in memory.
func receiveFiles(srv *sio.Server, store func(name string, at int64, chunk []byte) error) {
	sio.OnAck(srv, "chunk", func(ctx context.Context, s *sio.Socket, in sio.Args3[string, int64, []byte]) (string, error) {
		if len(in.C) > 256<<10 {
			return "the chunk is too large", nil
		}
		if err := store(in.A, in.B, in.C); err != nil {
			return err.Error(), nil
		}
		return "", nil
	})
}

// client is a Socket.IO client over polling. It does not answer heartbeats, so
// it lives for PingInterval and PingTimeout.
type client struct {
	t       *testing.T
	url     string
	packets []string // received, not yet returned by next
}

// connect opens a session and joins "/".
func connect(t *testing.T, addr net.Addr, auth string) *client {
	t.Helper()
	c := &client{t: t, url: "http://" + addr.String() + "/socket.io/?EIO=4&transport=polling"}
	var open struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(c.next(), "0")), &open); err != nil {
		t.Fatal(err)
	}
	c.url += "&sid=" + open.SID
	c.send("40" + auth)
	return c
}

// send sends a packet: 42["event",…] emits, 421["event",…] also asks for
// acknowledgement 1.
func (c *client) send(packet string) {
	c.t.Helper()
	r, err := http.Post(c.url, "text/plain; charset=UTF-8", strings.NewReader(packet))
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s", packet, r.Status)
	}
}

// next returns the next packet of the server.
func (c *client) next() string {
	c.t.Helper()
	for len(c.packets) == 0 {
		r, err := http.Get(c.url)
		if err != nil {
			c.t.Fatal(err)
		}
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != http.StatusOK {
			c.t.Fatal(r.Status, err)
		}
		c.packets = strings.Split(string(b), "\x1e")
	}
	p := c.packets[0]
	c.packets = c.packets[1:]
	return p
}

func TestMove(t *testing.T) {
	srv, err := sio.New(sio.Config{})
	if err != nil {
		t.Fatal(err)
	}
	limitMoves(srv) // what is tested
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()

	c := connect(t, srv.Addr(), "")
	if p := c.next(); !strings.HasPrefix(p, `40{"sid":`) {
		t.Fatalf("joined with %s", p)
	}
	c.send(`421["move","e4"]`)
	if p := c.next(); p != `431["ok"]` {
		t.Errorf("answered with %s", p)
	}
}

// serve starts a server for a test.
func serve(t *testing.T, cfg sio.Config, setup func(srv *sio.Server)) *sio.Server {
	t.Helper()
	srv, err := sio.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	setup(srv)
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return srv
}

// joined connects a client and takes the answer to its CONNECT.
func joined(t *testing.T, srv *sio.Server, auth string) *client {
	t.Helper()
	c := connect(t, srv.Addr(), auth)
	if p := c.next(); !strings.HasPrefix(p, `40{"sid":`) {
		t.Fatalf("joined with %s", p)
	}
	return c
}

func TestUsersOnAllDevices(t *testing.T) {
	srv := serve(t, sio.Config{}, func(srv *sio.Server) {
		serveUsers(srv, func(token string) (string, error) {
			if token == "" {
				return "", errors.New("not authorized")
			}
			return token, nil
		})
	})
	phone, laptop := joined(t, srv, `{"token":"ada"}`), joined(t, srv, `{"token":"ada"}`)
	other := joined(t, srv, `{"token":"bob"}`)
	if err := notify(srv, "ada", "hello"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client{phone, laptop} {
		if p := c.next(); p != `42["notice","hello"]` {
			t.Errorf("a device got %s", p)
		}
	}
	if err := logout(srv, "ada"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client{phone, laptop} {
		if p := c.next(); p != "41" {
			t.Errorf("a device got %s", p)
		}
	}
	if err := notify(srv, "bob", "still here"); err != nil {
		t.Fatal(err)
	}
	if p := other.next(); p != `42["notice","still here"]` {
		t.Errorf("the other user got %s", p)
	}
}

func TestRefusalIsReadable(t *testing.T) {
	srv := serve(t, sio.Config{}, refuseOldClients)
	want := `44{"message":"please update","data":{"code":"OLD_CLIENT","minimum":3}}`
	if p := connect(t, srv.Addr(), `{"version":2}`).next(); p != want {
		t.Errorf("refused with %s, want %s", p, want)
	}
	joined(t, srv, `{"version":3}`)
}

func TestExpelled(t *testing.T) {
	srv := serve(t, sio.Config{}, func(srv *sio.Server) {
		srv.OnConnection(func(s *sio.Socket) { expel(s, "bad words") })
	})
	c := joined(t, srv, "")
	for _, want := range []string{`42["expelled","bad words"]`, "41"} {
		if p := c.next(); p != want {
			t.Errorf("got %s, want %s", p, want)
		}
	}
}

func TestOnlyFrom(t *testing.T) {
	srv := serve(t, onlyFrom("https://example.com"), func(*sio.Server) {})
	for origin, want := range map[string]int{"": 200, "https://example.com": 200, "https://evil.example": 403} {
		r, err := http.NewRequest("GET", "http://"+srv.Addr().String()+"/socket.io/?EIO=4&transport=polling", nil)
		if err != nil {
			t.Fatal(err)
		}
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("origin %q: %s, want %d", origin, answer.Status, want)
		}
	}
}

func TestLimits(t *testing.T) {
	c := joined(t, serve(t, sio.Config{}, limitMoves), "")
	for i := range 11 {
		c.send(`421["move","e4"]`)
		if p := c.next(); p != `431["ok"]` && (i < 10 || !strings.Contains(p, `"code":"too_many_events","data":{"retryAfter":`)) {
			t.Errorf("move %d is answered with %s", i, p)
		}
	}
	srv := serve(t, limitAllEvents(), func(*sio.Server) {})
	c = joined(t, srv, "")
	c.send(strings.TrimSuffix(strings.Repeat(`42["any"]`+"\x1e", 500), "\x1e"))
	if n := srv.Stats().EventsRefused; n == 0 {
		t.Error("none is refused")
	}
}

func TestErrorsAsAcknowledgements(t *testing.T) {
	c := joined(t, serve(t, sio.Config{}, func(srv *sio.Server) {
		sendHistory(srv, map[string][]string{"lobby": {"hello"}})
	}), "")
	for room, want := range map[string]string{
		"lobby": `431[["hello"]]`,
		"x":     `431[{"error":{"message":"no such room","code":"not_found","data":"x"}}]`,
	} {
		c.send(`421["history","` + room + `"]`)
		if p := c.next(); p != want {
			t.Errorf("%s: answered with %s", room, p)
		}
	}
}

func TestChunks(t *testing.T) {
	stored := make(chan string, 1)
	srv := serve(t, sio.Config{}, func(srv *sio.Server) {
		receiveFiles(srv, func(name string, at int64, chunk []byte) error {
			if name == "full" {
				return errors.New("no space left")
			}
			stored <- name + " " + string(chunk)
			return nil
		})
	})
	c := joined(t, srv, "")
	for name, want := range map[string]string{"a.png": `431[""]`, "full": `431["no space left"]`} {
		c.send(`451-1["chunk","` + name + `",0,{"_placeholder":true,"num":0}]` + "\x1e" + "baGVsbG8=")
		if p := c.next(); p != want {
			t.Errorf("%s: answered with %s", name, p)
		}
	}
	if got := <-stored; got != "a.png hello" {
		t.Errorf("stored %s", got)
	}
}
