package eio

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/codec/engineio"
	"github.com/sioserver/sioserver/loop/looptest/transcript"
)

// TestCore plays the transcripts in testdata/core.
func TestCore(t *testing.T) {
	transcript.Run(t, "testdata/core/*.txt", func(t *testing.T) func(line string) []string {
		var p *player
		return func(line string) []string {
			if transport, ok := strings.CutPrefix(line, "open "); ok {
				transport, v3 := strings.CutSuffix(transport, " v3")
				p = newPlayer(wireFormat{v3: v3}, transport == webSocket)
				return nil
			}
			if p == nil {
				t.Fatalf("the transcript does not begin with open: %q", line)
			}
			p.play(t, line)
			log := p.log
			p.log = nil
			return log
		}
	})
}

// player drives one core and records its effects.
type player struct {
	core  core
	now   time.Duration
	log   []string
	takes bool   // the peer has taken something since it was last asked
	queue int    // bytes that wait on the WebSocket, which takes none
	weigh int    // what was told to wait for a GET
	left  []byte // of a POST
	gone  bool   // the peer

	flushes bool // a flush was asked for
}

var testTiming = timing{pingInterval: 300 * time.Millisecond, pingTimeout: 200 * time.Millisecond, upgradeTimeout: 900 * time.Millisecond}

func newPlayer(f wireFormat, overWebSocket bool) *player {
	p := &player{now: time.Hour}
	p.core.open(testTiming, p.now, f, overWebSocket)
	return p
}

func (p *player) play(t *testing.T, line string) {
	defer func() { p.core.check(p.flushes) }()
	command, arg, _ := strings.Cut(line, " ")
	switch command {
	case "wait": // moves the clock, ticking at every deadline as a timer would
		d, err := time.ParseDuration(arg)
		if err != nil {
			t.Fatal(err)
		}
		p.wait(p.now + d)
	case "send":
		if !p.core.send(p, textPacket(arg)) {
			p.note("refused")
		}
	case "send-large": // as many bytes
		n, err := strconv.Atoi(arg)
		if err != nil {
			t.Fatal(err)
		}
		if !p.core.send(p, textPacket(strings.Repeat("x", n))) {
			p.note("refused")
		}
	case "peer": // takes something, or all that waits on the WebSocket
		p.takes = true
		if arg == "all" {
			p.queue = 0
		}
	case "flush":
		p.flushes = false
		p.core.flush(p)
	case "poll":
		if !p.core.pollArrived(p) {
			p.note("refuse the GET")
		} else if p.core.poll {
			p.note("parked")
		}
	case "poll-aborted":
		p.core.pollAborted(p)
	case "post-begin":
		if !p.core.postBegan(p) {
			p.note("refuse the POST")
		}
	case "post-aborted":
		p.core.postAborted(p)
	case "post-refused":
		p.core.postRefused()
	case "post":
		if !p.core.postBegan(p) {
			p.note("refuse the POST")
			return
		}
		p.posted([]byte(strings.ReplaceAll(arg, "␞", "\x1e")))
	case "pause":
		p.core.pause(testTiming, p.now)
	case "resume":
		p.core.resume(testTiming, p.now)
		if p.left != nil {
			p.posted(p.left)
		}
	case "gone":
		p.gone = true
	case "message":
		p.core.receive(p, testTiming, p.now, parse(t, arg))
	case "probe-open":
		if !p.core.probeOpened(testTiming, p.now) {
			p.note("refuse the probe")
		}
	case "probe":
		p.core.probeReceive(p, p.now, parse(t, arg))
	case "probe-lost":
		p.core.probeLost()
	case "lost":
		p.core.end(p, TransportClose, nil)
	case "close":
		p.core.close(p, p.now, false)
	case "discard":
		p.core.close(p, p.now, true)
	default:
		t.Fatalf("unknown command %q", line)
	}
}

func (p *player) posted(body []byte) {
	waited := p.left != nil
	left, done := p.core.posted(p, testTiming, p.now, body, false)
	if p.left = left; !done {
		p.note("left of the POST: %s", bytes.ReplaceAll(left, []byte{0x1e}, []byte("␞")))
	} else if waited {
		p.note("accept the POST")
	}
}

func (p *player) wait(until time.Duration) {
	for {
		at := p.core.deadline()
		if at == 0 || at > until {
			p.now = until
			return
		}
		before := len(p.log)
		p.now = at
		p.core.tick(p, testTiming, p.now)
		for i := before; i < len(p.log); i++ {
			p.log[i] = fmt.Sprintf("@%v %s", p.now-time.Hour, p.log[i])
		}
	}
}

func parse(t *testing.T, s string) engineio.Packet {
	packet, err := engineio.ParsePacket([]byte(s))
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return packet
}

func textPacket(s string) *EncodedPacket {
	p := NewEncodedPacket(false)
	p.End(append(p.Begin(), s...))
	return p
}

func (p *player) note(format string, args ...any) {
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

func (p *player) maxQueued() int             { return 1000 }
func (p *player) slowTimeout() time.Duration { return 150 * time.Millisecond }
func (p *player) clock() time.Duration       { return p.now }
func (p *player) rearm()                     { p.note("rearm") }
func (p *player) crowded() bool              { return p.queue > p.maxQueued() }

func (p *player) countBacklog(weight int) {
	if p.weigh += weight; p.weigh != p.core.weight() {
		p.note("told of %d bytes that wait for a GET, not %d", p.weigh, p.core.weight())
	}
}

func (p *player) discarded(packets int) { p.note("never sent: %d", packets) }

func (p *player) idle() time.Duration {
	if p.takes {
		p.takes = false
		return 0
	}
	return time.Hour
}

func (p *player) deliver(data []byte, binary bool) {
	p.note("deliver %q binary=%v", data, binary)
	switch string(data) { // what a handler may do
	case "close!":
		p.core.close(p, p.now, false)
	case "echo":
		p.core.send(p, textPacket("echo"))
	case "full": // it takes no more
		p.core.pause(testTiming, p.now)
	}
}

func (p *player) unreachable(patience time.Duration) bool {
	if patience != testTiming.pingInterval+testTiming.pingTimeout {
		p.note("unreachable after %v?", patience)
	}
	return p.gone
}

func (p *player) endSoon(reason Reason, err error) { p.core.end(p, reason, err) }

func (p *player) wantFlush() {
	p.flushes = true
	p.note("want flush")
}

func (p *player) answerPoll(packets []*EncodedPacket) {
	p.takes = true
	p.note("answer poll %s", shorten(bytes.ReplaceAll(p.core.wireFormat.appendPayload(nil, packets), []byte{0x1e}, []byte("␞"))))
}

// shorten replaces long runs of x by their lengths.
func shorten(b []byte) string {
	return runs.ReplaceAllStringFunc(string(b), func(s string) string { return fmt.Sprintf("<%d x>", len(s)) })
}

var runs = regexp.MustCompile("x{10,}")

func (p *player) dropPost() { p.note("drop POST") }
func (p *player) sendWebSocket(q *EncodedPacket) (crowded bool) {
	p.note("websocket %s", shorten(q.frame.B[headroom:]))
	p.queue += q.Len()
	return p.crowded()
}

func (p *player) closeWebSocket(slow bool) {
	if slow {
		p.note("give up websocket")
	} else {
		p.note("close websocket")
	}
}

func (p *player) replyProbe(data []byte) { p.note("probe 3%s", data) }
func (p *player) closeProbe()            { p.note("close probe") }
func (p *player) promoteProbe()          { p.note("promote probe") }

// Nothing is watched.
func (p *player) received(engineio.Packet) { p.note("watched: received") }
func (p *player) created(*EncodedPacket)   { p.note("watched: created") }
func (p *player) heartbeat()               { p.note("watched: heartbeat") }
func (p *player) drained()                 { p.note("watched: drained") }

func (p *player) ended() {
	if p.core.overReported {
		p.note("gone")
	}
}

func (p *player) over(reason Reason, err error) {
	if err != nil {
		p.note("ended: %s (%v)", reason, err)
	} else {
		p.note("ended: %s", reason)
	}
}

// TestCoreTimes are the cases of the behaviour contract that need an exact
// clock.
func TestCoreTimes(t *testing.T) {
	for _, c := range []struct {
		name, script string
		want         []string
	}{
		{"a packet extends the time for a pong, once", "open websocket; wait 300ms; wait 150ms; message 4a; wait 150ms; message 4b; wait 50ms", []string{
			"@300ms websocket 2", `deliver "a" binary=false`, `deliver "b" binary=false`,
			"@650ms close websocket", "@650ms ended: ping timeout",
		}},
		{"a pong that was not asked for", "open websocket; wait 200ms; message 3; wait 300ms", []string{"@500ms websocket 2"}},
		{"pongs with data, and several", "open polling; post 3x; post 3␞3␞3; post 4alive", []string{`deliver "alive" binary=false`}},
		{"a graceful close without a GET ends in time", "open polling; close; wait 29999ms; post 4x; wait 1ms", []string{"@30s ended: forced close"}},
		{"a silent peer is dropped", "open polling v3; wait 499ms; post 1:2; wait 499ms; wait 1ms", []string{"@999ms never sent: 1", "@999ms ended: ping timeout"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p *player
			for line := range strings.SplitSeq(c.script, "; ") {
				if transport, ok := strings.CutPrefix(line, "open "); ok {
					transport, v3 := strings.CutSuffix(transport, " v3")
					p = newPlayer(wireFormat{v3: v3}, transport == webSocket)
				} else {
					p.play(t, line)
				}
			}
			if !slices.Equal(p.log, c.want) {
				t.Errorf("got %q, want %q", p.log, c.want)
			}
		})
	}
}
