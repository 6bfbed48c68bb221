package recovery

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/transcript"
)

// TestLog plays the transcripts in testdata. After the last line of each log
// everything is dropped, and all references must have been given up.
func TestLog(t *testing.T) {
	transcript.Run(t, "testdata/*.txt", func(t *testing.T) func(line string) []string {
		var p *player
		t.Cleanup(func() { p.end(t) })
		return func(line string) []string {
			command, args := parseLine(t, line)
			if command == "open" {
				p.end(t)
				p = newPlayer(t, args)
				return nil
			}
			if p == nil {
				t.Fatalf("the transcript does not begin with open: %q", line)
			}
			p.play(command, args)
			notes := p.notes
			p.notes = nil
			return notes
		}
	})
}

// arguments are those of a line: words, and values of words with an equals
// sign.
type arguments struct {
	t      *testing.T
	line   string
	words  []string
	values map[string]string
}

func parseLine(t *testing.T, line string) (command string, args arguments) {
	args = arguments{t: t, line: line, values: make(map[string]string)}
	for i, word := range strings.Fields(line) {
		name, value, ok := strings.Cut(word, "=")
		switch {
		case i == 0:
			command = word
		case ok:
			args.values[name] = value
		default:
			args.words = append(args.words, word)
		}
	}
	return command, args
}

func (a arguments) word(i int) string {
	if i >= len(a.words) {
		a.t.Fatalf("%q: word %d is missing", a.line, i+1)
	}
	return a.words[i]
}

func (a arguments) number(name string, otherwise int) int {
	if a.values[name] == "" {
		return otherwise
	}
	n, err := strconv.Atoi(a.values[name])
	if err != nil {
		a.t.Fatalf("%q: %v", a.line, err)
	}
	return n
}

func (a arguments) list(name string) []string {
	if a.values[name] == "" {
		return nil
	}
	return rooms(a.values[name])
}

// rooms splits a list of rooms; "@a" is that of the id of the session or socket
// a.
func rooms(list string) (rooms []string) {
	for room := range strings.SplitSeq(list, ",") {
		if name, ok := strings.CutPrefix(room, "@"); ok {
			id := idOf(name)
			room = string(id[:])
		}
		rooms = append(rooms, room)
	}
	return rooms
}

func idOf(name string) (id [20]byte) {
	copy(id[:], name)
	return id
}

func (a arguments) offset(text string) Offset {
	o, ok := ParseEntryID(text)
	if !ok {
		a.t.Fatalf("%q: %q is no offset", a.line, text)
	}
	return o
}

// payload is a packet, with as many references as it has holders.
type payload struct {
	name string
	refs int
}

// player drives one log and notes what it does. Sockets are strings.
type player struct {
	t        *testing.T
	log      *Log[string, *payload]
	now      time.Duration
	budget   *Budget
	notes    []string
	payloads []*payload
	members  map[string]*Membership[string, *payload]
	sessions map[string]*Session[string, *payload] // restored, by pid
	catching map[string]*Catching[string, *payload]
	early    map[string]uint64
	oldest   *Reading[string, *payload] // for which a page is being read
}

func newPlayer(t *testing.T, args arguments) *player {
	age, err := time.ParseDuration(args.values["age"])
	if err != nil {
		t.Fatalf("%q: %v", args.line, err)
	}
	p := &player{
		t:        t,
		now:      time.Millisecond,
		budget:   &Budget{MaxBytes: int64(args.number("total-bytes", 1_000_000)), MaxSessions: args.number("total-sessions", 1_000)},
		members:  make(map[string]*Membership[string, *payload]),
		sessions: make(map[string]*Session[string, *payload]),
		catching: make(map[string]*Catching[string, *payload]),
		early:    make(map[string]uint64),
	}
	p.log = New[string](Limits{
		MaxAge: age, MaxPackets: args.number("packets", 100), MaxBytes: args.number("bytes", 100_000), MaxSessions: args.number("sessions", 100),
	}, p.budget, Hooks[*payload]{
		Retain: func(x *payload) *payload {
			x.refs++
			return x
		},
		Release: func(x *payload) {
			if x.refs--; x.refs == 0 {
				p.note("release %s", x.name)
			} else if x.refs < 0 {
				t.Errorf("%s was released too often", x.name)
			}
		},
		Room: func() { p.note("there is room again") },
		Idle: func() { p.note("no client catches up") },
	})
	return p
}

// end drops everything that the log holds, and checks the references.
func (p *player) end(t *testing.T) {
	if p == nil {
		return
	}
	for _, m := range p.members {
		m.DropHistory()
	}
	p.log.Close()
	for _, x := range p.payloads {
		if x.refs != 0 {
			t.Errorf("%s has %d references at the end", x.name, x.refs)
		}
	}
	if p.log.bytes != 0 || p.log.earlyBytes != 0 || p.log.held != 0 || len(p.log.returning) != 0 {
		t.Errorf("at the end %d and %d bytes are kept, %d are held for %d clients", p.log.bytes, p.log.earlyBytes, p.log.held, len(p.log.returning))
	}
}

func (p *player) note(format string, args ...any) {
	p.notes = append(p.notes, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

func (p *player) member(name string) *Membership[string, *payload] {
	p.t.Helper()
	m := p.members[name]
	if m == nil {
		p.t.Fatalf("there is no socket %q", name)
	}
	return m
}

func (p *player) packet(args arguments) Packet[*payload] {
	x := &payload{args.word(0), 1}
	p.payloads = append(p.payloads, x)
	return Packet[*payload]{Payload: x, Size: args.number("size", 10), Rooms: args.list("to"), Except: args.list("except")}
}

func (p *player) play(command string, args arguments) {
	switch command {
	case "wait": // moves the clock, sweeps as a timer would
		d, err := time.ParseDuration(args.word(0))
		if err != nil {
			p.t.Fatal(err)
		}
		p.wait(p.now + d)
	case "begin": // a socket for a new session, whose pid is the socket's name
		name := args.word(0)
		p.members[name] = p.log.Begin(name, idOf(name), name)
	case "admit":
		p.admit(p.member(args.word(0)))
	case "join":
		m := p.member(args.word(0))
		p.log.Join(m, args.word(1), !m.Behind && (m.Recovered || m.Session.start != forever))
	case "leave":
		p.log.Leave(p.member(args.word(0)), args.word(1))
	case "emit": // with the offset of the clock
		x := p.packet(args)
		o := p.log.Last().Next(uint64(p.now.Milliseconds()))
		p.note("position %d, offset %d-%d", p.log.next(), o.ms, o.count)
		p.log.Keep(p.now, o, x)
	case "place": // with the adapter's offset
		x := p.packet(args)
		p.log.Place(p.now, args.offset(args.values["at"]), x)
		if id, ok := p.early[x.Payload.name]; ok {
			p.log.Settle(id)
		}
	case "early": // without an offset
		x := p.packet(args)
		p.early[x.Payload.name] = p.log.Anticipate(x)
	case "lose":
		m := p.member(args.word(0))
		if !m.Holds() || !p.log.Has(m.Session) {
			p.note("not its session")
			return
		}
		m.Session.Vacate()
		if evicted := p.log.Lose(p.now, m.Session); evicted != nil {
			p.note("evicted %s", evicted.PID)
		}
	case "end": // the client has left for good
		p.log.Forget(p.member(args.word(0)).Session)
	case "claim": // socket pid offset
		p.claim(args.word(0), args.word(1), args.offset(args.word(2)))
	case "since":
		o, known := ParseEntryID(args.word(0))
		p.log.SetSince(o, known)
	case "restore": // socket pid offset rooms=…
		p.restore(args)
	case "round":
		p.round()
	case "page": // packets as offset or offset:room,-room
		p.page(args)
	case "gap":
		end, _ := ParseEntryID(args.word(0))
		p.log.Miss(p.oldest, end, true)
	case "fail":
		p.log.Miss(p.oldest, Offset{}, false)
	case "cancel":
		p.log.Cancel(p.catching[args.word(0)])
	case "drop":
		p.member(args.word(0)).DropHistory()
		delete(p.members, args.word(0))
	case "others": // what other logs keep within the same budget
		p.budget.bytes.Add(int64(args.number("bytes", 0)))
		p.budget.sessions.Add(int64(args.number("sessions", 0)))
	case "close":
		for _, ses := range p.log.Close() {
			p.note("%s does not wait any more", ses.PID)
		}
	case "rooms":
		p.note("rooms: %s", strings.Join(p.member(args.word(0)).Session.Rooms(), " "))
	case "state":
		p.state()
	default:
		p.t.Fatalf("unknown command %q", command)
	}
}

func (p *player) wait(until time.Duration) {
	for {
		wait, ok := p.log.Wait(p.now)
		if !ok || p.now+wait > until {
			break
		}
		p.now += wait
		for _, ses := range p.log.Sweep(p.now) {
			p.note("@%v %s expired", p.now, ses.PID)
		}
	}
	p.now = until
}

// admit notes what is sent to the client, which gives the references up.
func (p *player) admit(m *Membership[string, *payload]) {
	if !p.log.Complete(m) {
		if m.History == nil {
			if p.log.GiveUp(m) {
				p.note("given up: not all that was missed is kept")
			} else {
				p.note("nothing to give up: the session is not its own")
			}
		} else {
			p.note("not complete: more must be read")
		}
		return
	}
	missed := p.log.Admit(m)
	if !m.Recovered {
		p.log.Add(m.Session)
	}
	if len(missed) > 0 {
		p.note("missed: %s", names(missed))
	}
	for _, x := range missed {
		p.log.hooks.Release(x)
	}
}

func names(list []*payload) string {
	var names []string
	for _, x := range list {
		names = append(names, x.name)
	}
	return strings.Join(names, " ")
}

func (p *player) claim(name, pid string, o Offset) {
	m, holder := p.log.Claim(p.now, pid, o, name)
	switch {
	case holder != nil:
		p.note("%s holds it", holder.Socket)
	case m == nil:
		p.note("failed")
	default:
		p.members[name] = m
	}
}

func (p *player) restore(args arguments) {
	name, pid, text := args.word(0), args.word(1), args.word(2)
	ses := p.sessions[pid]
	if ses == nil {
		ses = Restored[string, *payload](pid, idOf(pid), args.list("rooms"), nil)
		p.sessions[pid] = ses
	}
	h := p.log.NewHistory(name, args.offset(text), text)
	m := Return(ses, h)
	m.Occupy(name)
	p.members[name] = m
	p.catching[name] = p.log.Catch(ses, h, func(caughtUp bool) {
		if !caughtUp {
			delete(p.members, name)
		}
		p.note("%s caught up: %v", name, caughtUp)
	})
	if p.catching[name] == nil {
		p.note("nothing to be read")
	}
}

func (p *player) round() {
	oldest, found := p.log.Round()
	switch p.oldest = oldest; found {
	case None:
		p.note("none")
	case Full:
		p.note("full")
	case Page:
		text, socket := oldest.After()
		p.note("read behind %s for %s", text, socket)
	}
}

var errEncode = errors.New("it can't be encoded")

func (p *player) page(args arguments) {
	round := p.log.Readers(p.oldest.UpTo())
	var packets []*Fetched[*payload]
	for _, word := range args.words {
		text, to, _ := strings.Cut(word, ":")
		var in, except []string
		for _, room := range rooms(to) {
			if out, ok := strings.CutPrefix(room, "-"); ok {
				except = append(except, out)
			} else if room != "" {
				in = append(in, room)
			}
		}
		f := Select(round, args.offset(text), in, except, func() (*payload, int, error) {
			p.note("encode %s", text)
			if args.values["encode"] == "fails" {
				return nil, 0, errEncode
			}
			x := &payload{text, 1}
			p.payloads = append(p.payloads, x)
			return x, args.number("size", 10), nil
		})
		if f != nil {
			packets = append(packets, f)
		}
	}
	upTo, _ := ParseEntryID(args.values["upto"])
	p.log.Deal(p.oldest, round, packets, upTo, args.values["upto"])
}

func (p *player) state() {
	var list []string
	for i, k := range p.log.kept() {
		list = append(list, fmt.Sprintf("%d:%s", p.log.first+uint64(i), k.Payload.name))
	}
	p.note("kept: %s", strings.Join(list, " "))
	p.note("%+v", p.log.Stats())
	if p.log.held > 0 {
		p.note("%d bytes are held for histories", p.log.held)
	}
}
