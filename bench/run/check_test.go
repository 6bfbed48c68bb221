//go:build linux

package run

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/bench/load"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/scenario"
	"github.com/sioserver/sioserver/bench/stats"
)

// message is what a server delivers for the broadcast with the number.
func message(number, payload int) []byte {
	text := fmt.Sprintf("%0*d", sequenceDigits, number)
	return fmt.Appendf(nil, `2["message","%s%s"]`, text, strings.Repeat("x", payload-len(text)))
}

func TestFanOutChecksEveryMessage(t *testing.T) {
	const payload = 20
	altered := message(0, payload)
	altered[3] = 'M'
	for _, tc := range []struct {
		name     string
		received [][]byte // by client 3 of 10
		want     string
	}{
		{"lost", [][]byte{message(1, payload)}, "got message 1 where 0 was due"},
		{"doubled", [][]byte{message(0, payload), message(0, payload)}, "got message 0 where 1 was due"},
		{"cut", [][]byte{message(0, payload-1)}, "want a message of 35 bytes, got 34"},
		{"altered", [][]byte{altered}, "want a message"},
		{"another packet", [][]byte{[]byte("0")}, "want a message"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &fanOut{s: &session{}, rooms: 1, members: 10, due: make([]int, 10), payload: make([]byte, payload), latency: stats.NewHistogram()}
			for i := range f.left {
				f.left[i] = f.members
			}
			for _, packet := range tc.received {
				f.receive(&load.Client{Index: 3}, packet)
			}
			if f.s.failure == nil || !strings.Contains(f.s.failure.Error(), tc.want) || !strings.Contains(f.s.failure.Error(), "client 3") {
				t.Errorf("%v", f.s.failure)
			}
		})
	}
}

func TestFanOutChecksBinaryMessages(t *testing.T) {
	data := func(number string) []byte { return []byte(number + "xxxxxxxxxx") }
	for _, tc := range []struct {
		name     string
		received []string // "b" in front of attachments
		want     string   // "" when all is well
	}{
		{"right", []string{binaryHead, "b0000000000", binaryHead, "b0000000001"}, ""},
		{"text instead", []string{string(message(0, 20))}, "want a message with one attachment"},
		{"no attachment", []string{binaryHead, binaryHead}, "want a message with one attachment"},
		{"attachment alone", []string{"b0000000000"}, "want an attachment of 20 bytes after its message"},
		{"another number", []string{binaryHead, "b0000000001"}, "got message 1 where 0 was due"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &fanOut{s: &session{}, rooms: 1, members: 10, due: make([]int, 10), awaits: make([]bool, 10), payload: make([]byte, 20), latency: stats.NewHistogram()}
			for i := range f.left {
				f.left[i] = f.members
			}
			for _, packet := range tc.received {
				if number, ok := strings.CutPrefix(packet, "b"); ok {
					f.receiveAttachment(&load.Client{Index: 3}, data(number))
				} else {
					f.receiveHead(&load.Client{Index: 3}, []byte(packet))
				}
			}
			switch {
			case tc.want == "" && f.s.failure == nil:
			case tc.want == "" || f.s.failure == nil || !strings.Contains(f.s.failure.Error(), tc.want):
				t.Errorf("%v", f.s.failure)
			}
		})
	}
}

func TestRoomsCheckTheRoom(t *testing.T) {
	f := &fanOut{s: &session{}, rooms: 5, members: 2, due: []int{0, 1, 2, 3, 4}, payload: make([]byte, 20), latency: stats.NewHistogram()}
	f.receive(&load.Client{Index: 1}, message(2, 20)) // the room of client 2
	if f.s.failure == nil {
		t.Error("a message of another room is accepted")
	}
}

// In a cluster client 0 asks, and is at another server than the others.
func TestClusterChecksWhoGetsWhat(t *testing.T) {
	for _, tc := range []struct {
		name                    string
		clients, rooms, inRooms int
		members, counted        int
		asker                   bool // gets messages
	}{
		{"everybody", 10, 0, 1, 11, 10, true},
		{"rooms", 10, 5, 5, 2, 2, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &session{profile: &scenario.Profile{Kind: scenario.Cluster, Clients: tc.clients, Rooms: tc.rooms, Payload: 20}}
			f := s.newFanOut(tc.inRooms)
			if f.members != tc.members || f.counted != tc.counted || len(f.due) != tc.clients+1 {
				t.Errorf("%d members, %d deliveries counted, %d clients", f.members, f.counted, len(f.due))
			}
			f.left[0] = f.members
			f.receive(&load.Client{Index: 1}, message(0, 20))
			if s.failure != nil {
				t.Errorf("the first message is refused: %v", s.failure)
			}
			f.receive(&load.Client{Index: 0}, message(0, 20))
			if (s.failure == nil) != tc.asker {
				t.Errorf("the client that asks gets a message: %v", s.failure)
			}
			if first, second := s.node(0), s.node(1); first != 0 || second != 1 {
				t.Errorf("clients are at servers %d and %d", first, second)
			}
		})
	}
}

func TestEchoChecksEveryAcknowledgement(t *testing.T) {
	payload := []byte(`["xxxx"]`)
	for _, tc := range []struct {
		name, packet, want string
	}{
		{"another payload", `32["xxxy"]`, "want an acknowledgement"},
		{"no payload", `32[]`, "want an acknowledgement"},
		{"an event", `2["xxxx"]`, "want an acknowledgement"},
		{"no id", `3["xxxx"]`, "want an acknowledgement"},
		{"nothing", ``, "want an acknowledgement"},
		{"another id", `38["xxxx"]`, "8 is not outstanding"},
		{"answered already", `33["xxxx"]`, "3 is not outstanding"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &echo{s: &session{}, window: 2, payload: payload, requests: []request{{id: 2, open: true}, {id: 3}}, latency: stats.NewHistogram()}
			e.receive(&load.Client{}, []byte(tc.packet))
			if e.s.failure == nil || !strings.Contains(e.s.failure.Error(), tc.want) {
				t.Errorf("%v", e.s.failure)
			}
		})
	}
}

func TestOpenLoopChecksEveryAcknowledgement(t *testing.T) {
	payload := []byte(`["xxxx"]`)
	for _, tc := range []struct{ name, packet, want string }{
		{"twice", `32["xxxx"]`, "acknowledgement 2 came twice"},
		{"never sent", `39["xxxx"]`, "want an acknowledgement"},
		{"of another client", `31["xxxx"]`, "want an acknowledgement"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &session{clients: make([]*load.Client, 2)}
			o := &openLoop{s: s, payload: payload, acked: []bool{false, false, true, false}}
			o.receive(&load.Client{Index: 0}, []byte(tc.packet))
			if s.failure == nil || !strings.Contains(s.failure.Error(), tc.want) {
				t.Errorf("%v", s.failure)
			}
		})
	}
}

func TestAnUnexpectedPacketFails(t *testing.T) {
	s := &session{}
	s.Packet(&load.Client{}, []byte("2[]"))
	s.fail(fmt.Errorf("a later reason"))
	if s.failure == nil || !strings.Contains(s.failure.Error(), "nothing asked for") {
		t.Errorf("%v", s.failure)
	}
}

func TestStayPollingIsSpreadEvenly(t *testing.T) {
	s := &session{profile: &scenario.Profile{Transport: scenario.Upgrade, StayPolling: 0.05}}
	var b bytes.Buffer
	for i := range 100 {
		if s.transport(i) == load.Polling {
			fmt.Fprintf(&b, "%d ", i)
		}
	}
	if got := b.String(); got != "19 39 59 79 99 " {
		t.Errorf("on polling: %s", got)
	}
}

func TestSlopes(t *testing.T) {
	record := &result.Record{Figures: map[string]float64{}, Series: []result.Sample{
		{Clients: 0, RSS: 1000, PSS: 500}, {Clients: 100, RSS: 3000, PSS: 1500}, {Clients: 200, RSS: 5000, PSS: 2500},
	}}
	(&session{record: record}).slopes()
	if f := record.Figures; f["rss_slope_B"] != 20 || f["pss_slope_B"] != 10 || f["rss_r2"] != 1 || f["rss_last_B"] != 5000 {
		t.Errorf("%v", f)
	}
	if _, found := record.Figures["heap_slope_B"]; found {
		t.Error("a slope of a heap that was never told")
	}
}

// newHonestOf makes honest clients without connections, of which two requests
// each are open.
func newHonestOf(t *testing.T, clients int) *honest {
	gen, err := load.New(load.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gen.Close() })
	s := &session{gen: gen, clients: make([]*load.Client, clients), profile: &scenario.Profile{Rate: 1000, Payload: 4}, record: &result.Record{Figures: map[string]float64{}}}
	h := s.newHonest()
	h.latency[before] = stats.NewHistogram()
	for range 2 * clients {
		h.requests = append(h.requests, honestRequest{before, true})
	}
	h.open = 2 * clients
	for i := range h.openBy {
		h.openBy[i] = 2
	}
	return h
}

func TestHonestClientsCheckEveryAcknowledgement(t *testing.T) {
	for _, tc := range []struct {
		name    string
		packets []string // of client 1 of 3
		want    string
	}{
		{"another payload", []string{`31["xxxy"]`}, "want an acknowledgement"},
		{"of another client", []string{`32["xxxx"]`}, "want an acknowledgement"},
		{"never sent", []string{`37["xxxx"]`}, "want an acknowledgement"},
		{"twice", []string{`34["xxxx"]`, `34["xxxx"]`}, "acknowledgement 4 came twice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHonestOf(t, 3)
			for _, packet := range tc.packets {
				h.receive(&load.Client{Index: 1}, []byte(packet))
			}
			if h.s.failure == nil || !strings.Contains(h.s.failure.Error(), tc.want) {
				t.Errorf("%v", h.s.failure)
			}
		})
	}
}

func TestHonestClientsCountDisconnects(t *testing.T) {
	h := newHonestOf(t, 3)
	h.receive(&load.Client{Index: 2}, []byte(`32["xxxx"]`))
	h.closed(&load.Client{Index: 2}, fmt.Errorf("the first"))
	h.closed(&load.Client{Index: 0}, fmt.Errorf("the second"))
	if h.lost != 2 || h.open != 2 || h.s.failure != nil || !strings.Contains(h.firstWhy.Error(), "client 2: the first") {
		t.Errorf("%d lost, %d requests open, first %v, failure %v", h.lost, h.open, h.firstWhy, h.s.failure)
	}
	h.part = before
	h.send() // the turn of client 0, which is gone
	if h.open != 2 || h.requests[6].open {
		t.Error("a request of a client that is gone is waited for")
	}
	h.write()
	if f := h.s.record.Figures; f["disconnects"] != 2 || f["p99_before_us"] <= 0 {
		t.Errorf("figures %v", f)
	}
}

func TestProbesAreNotHonestClients(t *testing.T) {
	h := newHonestOf(t, 3)
	h.probes = []*probe{{}, {}}
	h.receive(&load.Client{Index: 3}, []byte(`30["xxxx"]`))
	h.closed(&load.Client{Index: 4}, fmt.Errorf("refused"))
	if !h.probes[0].answered || h.probes[1].failed == nil || h.lost != 0 || h.open != 6 {
		t.Errorf("probes %+v and %+v, %d lost, %d requests open", *h.probes[0], *h.probes[1], h.lost, h.open)
	}
}
