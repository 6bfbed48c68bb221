//go:build linux

package run

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/bench/load"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/scenario"
)

// newSoakOf makes a soak of 40 clients without connections in 10 rooms. Of room
// 0 the client at place 0 is steady.
func newSoakOf(t *testing.T) *soak {
	gen, err := load.New(load.Config{Addrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gen.Close() })
	s := &session{
		gen:     gen,
		profile: &scenario.Profile{Clients: 40, Payload: 4, Rate: 1000, Churn: 10},
		record:  &result.Record{Figures: map[string]float64{}},
	}
	return s.newSoak()
}

func TestASoakChecksEvents(t *testing.T) {
	for _, tc := range []struct {
		name    string
		packets []string // of client 10, which is in room 0 at place 1
		want    string   // "" for nothing wrong
	}{
		{"in order", []string{`2["message","r.0.7.xxxx"]`, `2["message","r.0.8.xxxx"]`, `2["message","r.1.3.xxxx"]`}, ""},
		{"one of a steady client is missing", []string{`2["message","r.0.7.xxxx"]`, `2["message","r.0.9.xxxx"]`}, "got event 9 of place 0 (r) behind event 7"},
		{"one of another client is missing", []string{`2["message","r.1.7.xxxx"]`, `2["message","r.1.9.xxxx"]`}, ""},
		{"twice", []string{`2["message","r.1.7.xxxx"]`, `2["message","r.1.7.xxxx"]`}, "behind event 7"},
		{"out of order", []string{`2["message","r.1.7.xxxx"]`, `2["message","r.1.6.xxxx"]`}, "behind event 7"},
		{"with offsets", []string{`2["message","r.0.7.xxxx","aB.1"]`, `2["message","r.0.8.xxxx","aB.2"]`}, ""},
		{"one to all is missing", []string{`2["message","b.0.1."]`, `2["message","b.0.3."]`}, "got event 3 of place 0 (b) behind event 1"},
		{"of no place", []string{`2["message","r.4.1.xxxx"]`}, "got the event"},
		{"of no form", []string{`2["message","hello"]`}, "got the event"},
		{"another event", []string{`2["hello"]`}, "nothing asked for"},
		{"an attachment", []string{"61-5[]"}, "nothing asked for"},
		{"nothing", []string{""}, "nothing asked for"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := newSoakOf(t)
			for _, packet := range tc.packets {
				k.receive(&load.Client{Index: 10}, []byte(packet))
			}
			checkFailure(t, k.failure, tc.want)
			if tc.name == "with offsets" && string(k.slots[10].offset) != "aB.2" {
				t.Errorf("offset %q", k.slots[10].offset)
			}
		})
	}
}

func checkFailure(t *testing.T, failure error, want string) {
	t.Helper()
	switch {
	case want == "" && failure != nil:
		t.Error(failure)
	case want != "" && (failure == nil || !strings.Contains(failure.Error(), want)):
		t.Errorf("%v, want %q", failure, want)
	}
}

func TestASoakChecksAcknowledgements(t *testing.T) {
	for _, tc := range []struct{ name, packet, data, want string }{
		{"of an echo", `31["xxxx"]`, "", ""},
		{"of a question back", `32[2]`, "", ""},
		{"of bytes", `61-3[{"_placeholder":true,"num":0}]`, "xxxx", ""},
		{"of a room", `34[]`, "", ""},
		{"of another payload", `31["xxxy"]`, "", "not"},
		{"of another client", `35["xxxx"]`, "", "not outstanding"},
		{"of nothing", `39["xxxx"]`, "", "not outstanding"},
		{"of other bytes", `61-3[{"_placeholder":true,"num":0}]`, "xxxy", "not"},
		{"of bytes without a request", ``, "xxxx", "nothing asked for"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := newSoakOf(t)
			for i, kind := range []askKind{askEcho, askBack, askBytes, askJoin} {
				k.requests[i+1] = soakRequest{slot: 10, kind: kind}
			}
			k.requests[5] = soakRequest{slot: 11}
			if tc.packet != "" {
				k.receive(&load.Client{Index: 10}, []byte(tc.packet))
			}
			if tc.data != "" {
				k.attachment(&load.Client{Index: 10}, []byte(tc.data))
			}
			checkFailure(t, k.failure, tc.want)
			if left := len(k.requests); tc.want == "" && left != 4 {
				t.Errorf("%d requests are left of 5", left)
			}
			if tc.want == "" && tc.data == "" { // once more
				k.receive(&load.Client{Index: 10}, []byte(tc.packet))
				checkFailure(t, k.failure, "not outstanding")
			}
		})
	}
}

func TestASoakFindsDisconnects(t *testing.T) {
	for _, tc := range []struct {
		state soakState
		index int
		want  string
	}{
		{soakLive, 0, "a steady client (0) was disconnected"},
		{soakLive, 10, "a client that comes and goes (10) was disconnected"},
		{soakStalled, 10, ""},
		{soakDialling, 10, ""},
		{soakLeaving, 10, ""},
	} {
		k := newSoakOf(t)
		s := &k.slots[tc.index]
		k.dial(s)
		s.state, s.open = tc.state, []int{7}
		k.requests[7] = soakRequest{slot: tc.index}
		k.closed(s.c, errors.New("gone"))
		checkFailure(t, k.findings.err(), tc.want)
		if len(k.requests) > 0 || k.counts.dropped != 1 || s.state != soakAway {
			t.Errorf("%d requests are left, %d dropped, state %d", len(k.requests), k.counts.dropped, s.state)
		}
	}
}

func TestASoakKnowsWhatComesBack(t *testing.T) {
	for _, tc := range []struct {
		name, answer     string
		recovered, fresh int
		last             uint32
		open             int // a new client asks for its room
	}{
		{"recovered", `{"sid":"one","pid":"other"}`, 1, 0, 7, 0},
		{"new", `{"sid":"two","pid":"other"}`, 0, 1, 5, 1},
	} {
		k := newSoakOf(t)
		s := &k.slots[10]
		s.sid, s.pid = "one", "secret"
		s.last[2] = 6
		k.dial(s)
		k.receive(s.c, []byte(`2["message","r.2.7.xxxx"]`)) // was missed
		s.c.Answer = []byte(tc.answer)
		if tc.fresh > 0 {
			k.receive(s.c, []byte(`2["message","r.2.5.xxxx"]`)) // before an upgrade is done
			checkFailure(t, k.failure, "")
		}
		k.opened(s.c)
		if c := k.counts; c.recovered != tc.recovered || c.fresh != tc.fresh || s.last[2] != tc.last || len(s.open) != tc.open || s.pid != "other" || k.live != 1 {
			t.Errorf("%s: %+v, last %d, %d requests, pid %q, %d live", tc.name, k.counts, s.last[2], len(s.open), s.pid, k.live)
		}
	}
}

func TestASoakFindsGrowth(t *testing.T) {
	series := func(change func(i int, s *result.Sample)) (all []result.Sample) {
		for i := range 40 {
			s := result.Sample{Seconds: float64(10 * i), RSS: 60e6, HeapUsed: 30e6, Files: 11_000, Goroutines: 140, P50: 300}
			change(i, &s)
			all = append(all, s)
		}
		return all
	}
	for _, tc := range []struct {
		name   string
		change func(i int, s *result.Sample)
		want   string
	}{
		{"flat", func(int, *result.Sample) {}, ""},
		{"growth at first", func(i int, s *result.Sample) { s.RSS += int64(min(i, 18)) * 5e6 }, ""},
		{"peaks", func(i int, s *result.Sample) { s.HeapUsed += int64(i%8/7) * 100e6 }, ""},
		{"memory", func(i int, s *result.Sample) { s.RSS += int64(i) * 2e6 }, "bytes of resident memory, not at most 20000000"},
		{"heap", func(i int, s *result.Sample) { s.HeapUsed += int64(i) * 1e6 }, "bytes of live heap"},
		{"descriptors", func(i int, s *result.Sample) { s.Files += i * 50 }, "descriptors"},
		{"goroutines", func(i int, s *result.Sample) { s.Goroutines += i * 20 }, "380 more goroutines, not at most 300"},
		{"lag", func(i int, s *result.Sample) { s.P50 += int64(i) * 100_000 }, "µs for a round trip"},
	} {
		k := newSoakOf(t)
		k.record.Series = series(tc.change)
		k.judgeGrowth()
		t.Run(tc.name, func(t *testing.T) { checkFailure(t, k.findings.err(), tc.want) })
	}
}

// TestASoakJudgesGrowthBehindAllAttacks: what the first attack of a kind leaves
// is no growth.
func TestASoakJudgesGrowthBehindAllAttacks(t *testing.T) {
	for attacks, want := range map[int]string{3: "", 4: "bytes of live heap"} {
		k := newSoakOf(t)
		k.profile.Attacks, k.counts.attacks = []string{"sessions", "stalled"}, attacks
		for i := range 40 {
			k.record.Series = append(k.record.Series, result.Sample{Seconds: float64(i), HeapUsed: int64(i) * 1e6})
		}
		k.judgeGrowth()
		checkFailure(t, k.findings.err(), want)
		if k.record.Figures["rise_heap_B"] < 10e6 {
			t.Errorf("%d attacks: %v", attacks, k.record.Figures)
		}
	}
}

func TestASoakNeedsItsSamples(t *testing.T) {
	k := newSoakOf(t)
	for range 3 {
		k.keep(soakSample{sample: result.Sample{RSS: 1}})
		k.keep(soakSample{err: errors.New("busy")})
	}
	k.judgeGrowth()
	checkFailure(t, k.findings.err(), "")
	k.keep(soakSample{err: errors.New("busy")})
	k.judgeGrowth()
	checkFailure(t, k.findings.err(), "did not answer for 4 of 7 samples")
}

func TestASoakOfFewSamples(t *testing.T) {
	k := newSoakOf(t)
	k.keep(soakSample{sample: result.Sample{RSS: 1}})
	k.judgeGrowth()
	checkFailure(t, k.findings.err(), "1 samples are too few")
}

// TestASoakFindsWhatIsUnfinished: client 0, at place 0 of room 0, is steady.
// Client 10 is in its room.
func TestASoakFindsWhatIsUnfinished(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(k *soak, s *soakClient)
		want   string
	}{
		{"nothing", func(*soak, *soakClient) {}, "[]"},
		{"a request", func(k *soak, _ *soakClient) { k.requests[1] = soakRequest{} }, "[1 requests of clients that are connected were not answered]"},
		{"a client", func(k *soak, s *soakClient) { k.live--; s.state, s.last[0] = soakAway, 1 }, "[1 of 40 clients did not connect]"},
		{"an event", func(_ *soak, s *soakClient) { s.last[0]-- }, "[1 clients did not get the last events]"},
		{"an event to all", func(_ *soak, s *soakClient) { s.broadcast-- }, "[1 clients did not get the last events]"},
		{"an event before it came", func(_ *soak, s *soakClient) { s.last[0], s.broadcast = 0, 0 }, "[]"},
		{"an event of a client that leaves", func(k *soak, s *soakClient) { k.slots[20].sent, s.last[2] = 7, 6 }, "[]"},
	} {
		k := newSoakOf(t)
		k.live, k.emitted = len(k.slots), 3
		for i := range k.slots {
			k.slots[i].state = soakLive
		}
		k.slots[0].sent = 5
		s := &k.slots[10]
		s.last[0], s.broadcast = 5, 3
		tc.change(k, s)
		if got := fmt.Sprint(k.unfinished()); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestLeftOf(t *testing.T) {
	left := leftOf(map[string]float64{"Clients": 2, "Packed.Held": 1, "Sockets": 0, "EventsIn": 5, "Loop.Accepted": 7})
	if got := fmt.Sprint(left); got != "[Clients 2 Packed.Held 1]" {
		t.Error(got)
	}
}
