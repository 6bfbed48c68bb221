package simulation

import (
	"encoding/json"
	"fmt"
	"time"
)

// socket is a client's side of a namespace.
type socket struct {
	c       *client
	nsp     string
	serial  string // the session's
	sid     string
	pid     string
	offset  string
	state   socketState
	member  *member // what the server has of it; nil until it is connected
	sent    int     // events
	inline  int     // inline events
	nextAck int
	awaits  map[int]*sentEvent // by id
	acked   map[int]bool
	asked   time.Time
	asks    session  // what it was to recover
	early   []packet // missed events, which precede the answer to CONNECT
}

type socketState int

const (
	joining socketState = iota
	joined
	refused
	over // left, or the connection is lost
)

// sentEvent is an event of a client that asks for an acknowledgement.
type sentEvent struct {
	n      int
	op     *op
	inline bool
}

// head is the first argument of each event of a client.
type head struct {
	N    int    `json:"n"`
	Op   int    `json:"o"`
	From string `json:"w"`
}

// reply is a client's acknowledgement. It is one argument, as servers tell each
// other of no more.
type reply struct {
	N    int    `json:"n"`
	Key  string `json:"k"`
	Text string `json:"t"`
}

// join asks for a namespace.
func (c *client) join(nsp string) {
	if c.sockets[nsp] != nil {
		return // once a session: what comes for the first socket is told by nothing from what comes for a second
	}
	s := &socket{c: c, nsp: nsp, serial: c.serial, asked: time.Now(), awaits: make(map[int]*sentEvent), acked: make(map[int]bool)}
	c.sockets[nsp] = s
	if c.version == 3 && nsp == "/" {
		return // it is joined by itself
	}
	p := packet{kind: '0', nsp: nsp, id: -1}
	if c.version == 4 {
		auth := map[string]any{"from": c.serial}
		if c.deny {
			auth["deny"] = true
		}
		if back, ok := c.resume[nsp]; ok {
			s.asks = back
			auth["pid"], auth["offset"] = back.pid, back.offset
			delete(c.resume, nsp)
		}
		p.args, _ = json.Marshal(auth)
	}
	c.send(p.encode())
}

// packet takes a Socket.IO packet.
func (c *client) packet(p packet) {
	s := c.sockets[p.nsp]
	if s == nil {
		if c.version == 3 && p.nsp == "/" && p.kind == '0' {
			c.join("/")
			s = c.sockets["/"]
		} else {
			c.w.failf("client %d: a packet for namespace %q, which it has not joined: %c%s", c.id, p.nsp, p.kind, p.args)
			return
		}
	}
	switch p.kind {
	case '0':
		s.connected(p)
	case '1':
		if s.state == over {
			return // both sides have left
		}
		if s.state != joined {
			c.w.failf("client %d: disconnected from %s in state %d", c.id, s.nsp, s.state)
		}
		c.logf("is disconnected from %s", s.nsp)
		s.ended()
	case '2', '5':
		s.event(p)
	case '3', '6':
		s.answered(p)
	case '4':
		if s.state != joining {
			c.w.failf("client %d: refused by %s in state %d", c.id, s.nsp, s.state)
		}
		c.logf("is refused by %s: %s", s.nsp, p.args)
		s.state = refused
		c.w.mu.Lock()
		for _, old := range c.w.all {
			if old.client == c && old.nsp == s.nsp && old.socket == nil {
				old.finish() // it could have been recovered
			}
		}
		c.w.mu.Unlock()
	default:
		c.w.failf("client %d: packet of type %q", c.id, p.kind)
	}
}

// connected takes the answer to a CONNECT.
func (s *socket) connected(p packet) {
	c, w := s.c, s.c.w
	if s.state != joining {
		w.failf("client %d: connected to %s in state %d", c.id, s.nsp, s.state)
		return
	}
	s.state = joined
	if c.version == 4 {
		var h struct{ SID, PID string }
		if err := json.Unmarshal(p.args, &h); err != nil || h.SID == "" {
			w.failf("client %d: CONNECT %s: %v", c.id, p.args, err)
			return
		}
		s.sid, s.pid = h.SID, h.PID
	}
	w.mu.Lock()
	w.clientConnected(s)
	w.mu.Unlock()
	for _, missed := range s.early {
		s.event(missed)
	}
	s.early = nil
}

// lost is the end of the session.
func (s *socket) lost() {
	if s.state == joined || s.state == joining {
		s.end()
		if s.member != nil {
			s.member.away = time.Now()
		}
	}
}

// ended is the end of the socket alone: there is no way back.
func (s *socket) ended() {
	s.end()
	s.pid = ""
	if s.member != nil {
		s.member.finish()
	}
}

func (s *socket) end() {
	s.state = over
	if s.member != nil && s.member.socket == s {
		s.member.socket = nil
	}
}

// leave leaves the namespace.
func (s *socket) leave() {
	if s.state != joined {
		return
	}
	s.c.logf("leaves %s", s.nsp)
	s.ended() // even if the packet does not arrive
	s.c.send(packet{kind: '1', nsp: s.nsp, id: -1}.encode())
}

// emit sends an event that makes the server do op.
func (s *socket) emit(o *op, inline bool) {
	if s.state != joined || !s.c.alive {
		return
	}
	name, n := "op", &s.sent
	if inline {
		name, n = "inline", &s.inline
	}
	*n++
	key := fmt.Sprintf("%s%s%s%d", s.serial, s.nsp, name, *n)
	p := packet{kind: '2', nsp: s.nsp, id: -1}
	args := []any{name, head{*n, o.index, s.serial}, fill(key, o.size)}
	if o.binary {
		p.kind = '5'
		p.binary = []string{fill(key+"b", o.size/2)}
		args = append(args, map[string]any{"_placeholder": true, "num": 0})
	}
	if o.wantsAck {
		p.id = s.nextAck
		s.nextAck++
		s.awaits[p.id] = &sentEvent{*n, o, inline}
	}
	p.args, _ = json.Marshal(args)
	s.c.logf("sends %s %d to %s: %v", name, *n, s.nsp, o)
	s.c.send(p.encode())
}

// answered takes an acknowledgement.
func (s *socket) answered(p packet) {
	w := s.c.w
	sent := s.awaits[p.id]
	if sent == nil {
		w.failf("client %d: acknowledgement %d of %s was not asked for, or came before (%v)", s.c.id, p.id, s.nsp, s.acked[p.id])
		return
	}
	delete(s.awaits, p.id)
	s.acked[p.id] = true
	var args []json.RawMessage
	var n int
	var text string
	if err := json.Unmarshal(p.args, &args); err != nil || len(args) < 2 ||
		json.Unmarshal(args[0], &n) != nil || json.Unmarshal(args[1], &text) != nil {
		w.failf("client %d: acknowledgement %s", s.c.id, p.args)
		return
	}
	key := fmt.Sprintf("%s%sack%d", s.serial, s.nsp, n)
	if n != sent.n || text != fill(key, sent.op.size) {
		w.failf("client %d: event %d of %s is acknowledged with %d, %.40q", s.c.id, sent.n, s.nsp, n, text)
	}
	s.c.logf("event %d of %s is acknowledged", sent.n, s.nsp)
}

// event takes an event of the server.
func (s *socket) event(p packet) {
	w := s.c.w
	switch {
	case s.state == joined:
	case s.state == over:
		return // it was under way when the client left
	case s.asks.pid != "":
		s.early = append(s.early, p)
		return
	default:
		w.failf("client %d: an event of %s in state %d: %s", s.c.id, s.nsp, s.state, p.args)
		return
	}
	var args []json.RawMessage
	var name, text string
	var h messageHead
	if err := json.Unmarshal(p.args, &args); err != nil || len(args) < 3 ||
		json.Unmarshal(args[0], &name) != nil || json.Unmarshal(args[1], &h) != nil || json.Unmarshal(args[2], &text) != nil {
		w.failf("client %d: event %.80s: %v", s.c.id, p.args, err)
		return
	}
	last := args[len(args)-1]
	w.mu.Lock()
	m := w.messages[h]
	w.mu.Unlock()
	if m == nil || name != "m" {
		w.failf("client %d: event %.80s was never emitted", s.c.id, p.args)
		return
	}
	if text != fill(m.key(), m.size) || m.binary != (len(p.binary) == 1) || m.binary && p.binary[0] != fill(m.key()+"b", m.size/2) {
		w.failf("client %d: event %.80s is not as it was emitted", s.c.id, p.args)
	}
	if m.asks != (p.id >= 0) {
		w.failf("client %d: event %v asks for an acknowledgement: %v", s.c.id, h, p.id >= 0)
	}
	if s.pid != "" && p.id < 0 {
		var offset string
		if json.Unmarshal(last, &offset) == nil && len(args) == m.args()+1 {
			s.offset = offset
		} else if !m.volatile {
			w.failf("client %d: event %v has no offset: %.80s", s.c.id, h, p.args)
		}
	} else if len(args) != m.args() && !(s.c.version == 3 && s.c.node.recovery > 0 && len(args) == m.args()+1) {
		w.failf("client %d: event %v has %d arguments", s.c.id, h, len(args))
	}
	w.record(fmt.Sprintf("client %d gets %v", s.c.id, h))
	w.mu.Lock()
	s.member.received(w, m)
	w.mu.Unlock()
	if p.id >= 0 {
		s.answer(m, p.id)
	}
}

// answer acknowledges an event, as the message says: at once, later or never.
func (s *socket) answer(m *message, id int) {
	if m.answers == never || m.skips(s.c.id) {
		return
	}
	serial := s.serial
	s.c.w.after(time.Duration(s.c.random.IntN(int(m.answers/time.Millisecond)+1))*time.Millisecond, func() {
		if s.state != joined || s.c.serial != serial || s.c.silent || s.c.stall {
			return
		}
		args, _ := json.Marshal([]reply{{m.head.N, s.member.key(), fill(m.key()+s.member.key(), m.size)}})
		s.c.w.mu.Lock()
		if _, twice := m.given[s.member.key()]; !twice {
			m.given[s.member.key()] = time.Now()
		}
		s.c.w.mu.Unlock()
		s.c.send(packet{kind: '3', nsp: s.nsp, id: id, args: args}.encode())
	})
}
