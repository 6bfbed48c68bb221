//go:build linux

package load_test

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// miniServer is an Engine.IO 4 server in the plainest way, by net/http: it
// connects the main namespace and echoes every other Socket.IO packet. A client
// that brings authentication data gets an event before the answer. Binary
// messages have the form of polling: b and base64.
type miniServer struct {
	mu       sync.Mutex
	sessions map[string]*miniSession
	requests []string // methods and transports, as they came
	pongs    int
	greeting []string // packets sent right after the namespace is connected
}

type miniSession struct {
	mu     sync.Mutex
	out    []string      // packets for the next GET
	more   chan struct{} // one token when out may have something
	socket net.Conn      // once upgraded
}

func newMiniServer(t *testing.T, greeting ...string) (*miniServer, netip.AddrPort) {
	s := &miniServer{sessions: map[string]*miniSession{}, greeting: greeting}
	hs := httptest.NewServer(s)
	t.Cleanup(func() {
		hs.CloseClientConnections()
		hs.Close()
	})
	return s, netip.MustParseAddrPort(hs.Listener.Addr().String())
}

func (s *miniServer) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.requests, " ")
}

func (s *miniServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	sid, transport := query.Get("sid"), query.Get("transport")
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+":"+transport)
	session := s.sessions[sid]
	if sid == "" {
		sid = fmt.Sprintf("s%d", len(s.sessions))
		session = &miniSession{more: make(chan struct{}, 1)}
		s.sessions[sid] = session
		session.send(fmt.Sprintf(`0{"sid":"%s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}`, sid))
	}
	s.mu.Unlock()
	switch {
	case session == nil || query.Get("EIO") != "4":
		http.Error(w, `{"code":1,"message":"Session ID unknown"}`, http.StatusBadRequest)
	case transport == "websocket":
		s.webSocket(w, r, session)
	case r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body)
		for packet := range strings.SplitSeq(string(body), "\x1e") {
			s.packet(session, packet)
		}
		_, _ = io.WriteString(w, "ok")
	default:
		s.poll(w, r, session)
	}
}

// poll answers with what waits for the client, chunked when that is long.
func (s *miniServer) poll(w http.ResponseWriter, r *http.Request, session *miniSession) {
	for {
		session.mu.Lock()
		payload := strings.Join(session.out, "\x1e")
		session.out = nil
		session.mu.Unlock()
		if payload != "" {
			if len(payload) > 100 {
				_, _ = io.WriteString(w, payload[:100])
				w.(http.Flusher).Flush()
				payload = payload[100:]
			}
			_, _ = io.WriteString(w, payload)
			return
		}
		select {
		case <-session.more:
		case <-r.Context().Done():
			return
		}
	}
}

func (s *miniServer) packet(session *miniSession, packet string) {
	switch {
	case packet == "3":
		s.mu.Lock()
		s.pongs++
		s.mu.Unlock()
	case strings.HasPrefix(packet, "40"):
		if packet != "40" {
			session.send("42missed " + packet[2:])
		}
		session.send(`40{"sid":"x"}`)
		for _, greeting := range s.greeting {
			session.send(greeting)
		}
	case strings.HasPrefix(packet, "4"), strings.HasPrefix(packet, "b"):
		session.send(packet)
	}
}

func (m *miniSession) send(packet string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.socket != nil {
		_, _ = m.socket.Write(frame(packet))
		return
	}
	m.out = append(m.out, packet)
	select {
	case m.more <- struct{}{}:
	default:
	}
}

func (s *miniServer) webSocket(w http.ResponseWriter, r *http.Request, session *miniSession) {
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	if r.URL.Query().Get("sid") == "" {
		session.upgrade(conn)
	}
	for {
		packet, err := readFrame(rw.Reader)
		switch {
		case err != nil:
			return
		case packet == "2probe":
			_, _ = conn.Write(frame("3probe"))
			session.send("6")
		case packet == "5":
			session.upgrade(conn)
		case packet == "4close":
			_, _ = conn.Write([]byte{0x88, 0})
		default:
			s.packet(session, packet)
		}
	}
}

// upgrade moves what waits, and everything from now on, to the socket.
func (m *miniSession) upgrade(conn net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, packet := range m.out {
		_, _ = conn.Write(frame(packet))
	}
	m.out, m.socket = nil, conn
}

func frame(text string) []byte {
	b := []byte{0x81}
	if packed, ok := strings.CutPrefix(text, "b"); ok {
		data, _ := base64.StdEncoding.DecodeString(packed)
		b[0], text = 0x82, string(data)
	}
	switch n := len(text); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, text...)
}

func readFrame(r *bufio.Reader) (string, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return "", err
	}
	kind := head[0]
	if kind&^3 != 0x80 || head[1]&0x80 == 0 {
		return "", fmt.Errorf("not a masked message: %x", head[:2])
	}
	size := uint64(head[1] & 0x7f)
	switch size {
	case 126:
		if _, err := io.ReadFull(r, head[:2]); err != nil {
			return "", err
		}
		size = uint64(binary.BigEndian.Uint16(head[:]))
	case 127:
		if _, err := io.ReadFull(r, head[:8]); err != nil {
			return "", err
		}
		size = binary.BigEndian.Uint64(head[:])
	}
	masked := make([]byte, 4+size)
	if _, err := io.ReadFull(r, masked); err != nil {
		return "", err
	}
	text := masked[4:]
	for i := range text {
		text[i] ^= masked[i%4]
	}
	if kind == 0x82 {
		return "b" + base64.StdEncoding.EncodeToString(text), nil
	}
	return string(text), nil
}
