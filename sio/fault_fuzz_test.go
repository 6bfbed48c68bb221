package sio

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
)

// FuzzSessions sends whatever comes over two connections to a server. The input
// is a list of chunks, separated by two bytes 0xfe. The first byte of a chunk
// says what it is: for one connection or the other ("0", "1"), text in a frame
// of a WebSocket ("t", "u"), bytes in one ("b", "c"), time that passes ("w"),
// the end of a connection by FIN or RST ("f", "g", "r", "s"). "$SID" is the id
// of the session that was opened last.
//
// Nothing panics. When both peers are gone and time has passed, nothing is left
// of them, and a new client is served.
func FuzzSessions(f *testing.F) {
	const get, post = "GET /socket.io/?EIO=4&transport=polling", "POST /socket.io/?EIO=4&transport=polling&sid=$SID HTTP/1.1\r\nHost: a\r\nContent-Length: "
	const end, sid = " HTTP/1.1\r\nHost: a\r\n\r\n", "&sid=$SID"
	upgrade := strings.Replace(upgradeRequest, "transport=websocket", "transport=websocket"+sid, 1)
	for _, seed := range [][]string{
		{"0" + get + end, "0" + post + "2\r\n\r\n40", "0" + get + sid + end, "0" + post + "12\r\n\r\n420[\"raw\",1]", "0" + get + sid + end, "w"},
		{"0" + upgradeRequest, "t40", `t421["raw",{"a":[1]}]`, `t451-["raw",{"_placeholder":true,"num":0}]`, "b\x01\x02", "t41", "t1"},
		{"0" + get + end, "1" + upgrade, "u2probe", "0" + get + sid + end, "u5", "u40", `u420["raw"]`, "g"},
		{"0" + get + end, "0" + get + sid + end, "1" + get + sid + end, "r"},
		{"0" + get + end, "1" + upgrade, "u2probe", "s", "0" + post + "1\r\n\r\n1"},
		{"0" + upgradeRequest, "t40/x,{\"a\":1}", "w", "t3", "w", "w", "0\x88\x80\x00\x00\x00\x00"},
		{"0" + get + "&j=1" + end, "0" + post + "100000\r\n\r\nabc", "w", "w"},
		{"0GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n", "0" + post + "5\r\n\r\n2:40", "w"},
		{"0" + strings.Repeat(get+end, 20)},
	} {
		f.Add([]byte(strings.Join(seed, "\xfe\xfe")))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 100_000 {
			return
		}
		srv, err := New(Config{Loops: 1, AllowEIO3: true, PingInterval: 10 * time.Second, PingTimeout: 10 * time.Second,
			Logger: slog.New(slog.DiscardHandler), OnError: func(*Socket, string, error) {}})
		if err != nil {
			t.Fatal(err)
		}
		srv.On("raw", func(_ context.Context, e *Event) error {
			var v any
			return errors.Join(e.Socket().Join("room"), e.Socket().Emit("bytes", []byte{1}), e.Bind(&v), e.Ack(v))
		}, Inline())
		m := &memory{srv, looptest.New(t)}
		s := fuzzedPeers{m: m}
		for chunk := range bytes.SplitSeq(input, []byte("\xfe\xfe")) {
			s.play(chunk)
		}
		s.settle()
		for i := range s.conns {
			s.end(i, nil)
		}
		m.loops.Advance(time.Hour)
		st, all := m.Stats(), m.loops.Stats()
		if st.HandlerPanics != 0 || all.Panics != 0 {
			t.Fatal("something panicked")
		}
		if st.Clients != 0 || st.Sockets != 0 || st.Unjoined != 0 || st.Pending != 0 || st.PendingBytes != 0 || st.Held != 0 ||
			st.Receiving.Bytes != 0 || st.Receiving.Connections != 0 || st.Receiving.Waiting != 0 || st.Handshakes.Bytes != 0 ||
			all.Connections != 0 || len(m.Of("/").Rooms()) != 0 || m.loops.Alarms() != 0 {
			t.Fatalf("left: %+v, %+v, %d timers", st, all, m.loops.Alarms())
		}
		m.join(t)
	})
}

// fuzzedPeers are the two peers of FuzzSessions.
type fuzzedPeers struct {
	m     *memory
	conns [2]*looptest.Conn
	sid   string
}

func (s *fuzzedPeers) play(chunk []byte) {
	if len(chunk) == 0 {
		return
	}
	payload := strings.ReplaceAll(string(chunk[1:]), "$SID", s.sid)
	switch chunk[0] {
	case '0', '1':
		s.feed(int(chunk[0]-'0'), []byte(payload))
	case 't', 'u':
		s.feed(int(chunk[0]-'t'), eiotest.AppendText(nil, payload))
	case 'b', 'c':
		s.feed(int(chunk[0]-'b'), eiotest.AppendFrame(nil, 0x80|eiotest.OpBinary, []byte(payload)))
	case 'f', 'g':
		s.end(int(chunk[0]-'f'), nil)
	case 'r', 's':
		s.end(int(chunk[0]-'r'), errReset)
	case 'w':
		s.m.loops.Advance(5 * time.Second)
	}
	s.settle()
}

var errReset = errors.New("connection reset by peer")

func (s *fuzzedPeers) feed(i int, b []byte) {
	if s.conns[i] == nil || s.conns[i].Closed() {
		s.conns[i] = s.m.loops.Connect(s.m.eio.Accept)
	}
	for len(b) > 0 { // as one read gives it
		n := min(len(b), 64<<10)
		s.conns[i].Feed(b[:n])
		b = b[n:]
	}
}

func (s *fuzzedPeers) end(i int, err error) {
	switch c := s.conns[i]; {
	case c == nil:
	case err != nil:
		c.PeerFail(err)
	default:
		c.PeerClose()
	}
	s.conns[i] = nil
}

// settle runs the server, and takes the id of a new session from what it has
// sent.
func (s *fuzzedPeers) settle() {
	s.m.loops.Run()
	for _, c := range s.conns {
		if c == nil {
			continue
		}
		if _, rest, ok := strings.Cut(string(c.Sent()), `"sid":"`); ok {
			s.sid, _, _ = strings.Cut(rest, `"`)
		}
	}
}
