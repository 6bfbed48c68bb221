//go:build linux

package run

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/stats"
)

// growth is one figure of the samples, and by how much it may rise in the
// second half of a soak: by the larger of a number and a share of its median.
type growth struct {
	name   string
	value  func(result.Sample) float64
	most   float64
	share  float64
	figure string // as figures are named
}

var growths = []growth{
	{"descriptors", func(s result.Sample) float64 { return float64(s.Files) }, 200, 0.05, "files"},
	{"goroutines", func(s result.Sample) float64 { return float64(s.Goroutines) }, 300, 0.05, "goroutines"},
	{"bytes of live heap", func(s result.Sample) float64 { return float64(s.HeapUsed) }, 4e6, 0.1, "heap_B"},
	{"bytes of resident memory", func(s result.Sample) float64 { return float64(s.RSS) }, 20e6, 0.1, "rss_B"},
	{"µs for a round trip", func(s result.Sample) float64 { return float64(s.P50) }, 1e6, 0, "p50_us"},
}

// judgeGrowth fits a line through the second half of the samples, by figure.
// What an attack leaves behind once, such as buffers in pools, is no growth. So
// a rise is only recorded if there was no time for each attack twice.
func (k *soak) judgeGrowth() {
	if taken := len(k.record.Series); taken < k.counts.missing {
		k.findings.found(fmt.Errorf("the server did not answer for %d of %d samples", k.counts.missing, taken+k.counts.missing))
	}
	half := k.record.Series[len(k.record.Series)/2:]
	if len(half) < 2 {
		k.findings.found(fmt.Errorf("%d samples are too few to show growth", len(k.record.Series)))
		return
	}
	twice := k.counts.attacks >= 2*len(k.profile.Attacks)
	for _, g := range growths {
		var x, y []float64
		for _, sample := range half {
			x, y = append(x, sample.Seconds), append(y, g.value(sample))
		}
		summary := stats.Summarize(y)
		rise := stats.TheilSen(x, y) * (x[len(x)-1] - x[0])
		k.record.Figures["median_"+g.figure] = summary.Median
		k.record.Figures["rise_"+g.figure] = rise
		k.record.Figures["first_"+g.figure], k.record.Figures["last_"+g.figure] = g.value(k.record.Series[0]), y[len(y)-1]
		if most := max(g.most, g.share*summary.Median); twice && rise > most {
			k.findings.found(fmt.Errorf("in its second half there were %.0f more %s, not at most %.0f", rise, g.name, most))
		}
	}
}

// finish waits for all answers, for clients that are on their way, and for the
// last events.
func (k *soak) finish() error {
	k.progress("waiting for the last answers", 0, 0)
	for end := time.Now().Add(lateness); time.Now().Before(end) && len(k.unfinished()) > 0; {
		for next := k.gen.Now() + soakStep; k.gen.Now() < next; {
			k.walk()
			if err := k.poll(time.Millisecond); err != nil {
				return err
			}
		}
	}
	for _, what := range k.unfinished() {
		k.findings.found(fmt.Errorf("%s within %s", what, lateness))
	}
	return nil
}

// unfinished says what is not done: the events are checked only against those
// that come, so their end is checked here.
func (k *soak) unfinished() (list []string) {
	if open := len(k.requests); open > 0 {
		list = append(list, fmt.Sprintf("%d requests of clients that are connected were not answered", open))
	}
	if gone := len(k.slots) - k.live; gone > 0 {
		list = append(list, fmt.Sprintf("%d of %d clients did not connect", gone, len(k.slots)))
	}
	behind := 0
	for i := range k.slots {
		if k.behind(&k.slots[i]) {
			behind++
		}
	}
	if behind > 0 {
		list = append(list, fmt.Sprintf("%d clients did not get the last events", behind))
	}
	return list
}

// behind reports whether the last event of a client that stays has not come to
// a client that got one of it before.
func (k *soak) behind(s *soakClient) bool {
	if s.state != soakLive {
		return false
	}
	if k.slots[0].steady && s.broadcast > 0 && s.broadcast < k.emitted {
		return true
	}
	for place, last := range s.last {
		if from := s.room + place*k.rooms; last > 0 && from < len(k.slots) && k.slots[from].steady && last < k.slots[from].sent {
			return true
		}
	}
	return false
}

// gauges are the figures of which nothing may be left without clients, and
// constants those that may not move at all.
var (
	gauges = []string{
		"Clients", "Unjoined", "Sockets", "DynamicNamespaces", "Loop.Connections", "Pending", "PendingBytes", "PendingStranded", "PendingLate",
		"PendingLateBytes", "HandlersRunning", "HandlersWaiting", "Held", "Receiving.Bytes", "Receiving.Connections", "Receiving.Waiting",
		"Handshakes.Bytes", "Recovery.Sessions", "Forwarding.OpenRequests", "Forwarding.OpenTunnels",
	}
	constants = []string{"HandlerPanics", "Loop.Panics", "Loop.LostMoves", "RoomEventsDropped"}
)

// drain has all clients leave, and waits until the server has nothing left of
// them.
func (k *soak) drain(empty result.Sample) error {
	for i := range k.slots {
		if s := &k.slots[i]; s.c != nil {
			k.away(s, time.Hour)
		}
	}
	end := time.Now().Add(k.profile.After.Std())
	var figures peer.Stats // the last that were asked for
	for {
		k.progress("waiting for the server to be empty", 0, 0)
		var err error
		if figures, err = k.figures(); err != nil {
			return err
		}
		left := leftOf(figures.Counters)
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			k.findings.found(fmt.Errorf("%s after the last client the server has left: %s", k.profile.After.Std(), strings.Join(left, ", ")))
			break
		}
		if err := k.rest(time.Second); err != nil {
			return err
		}
	}
	for _, name := range slices.Concat(gauges, constants) {
		if _, found := figures.Counters[name]; !found {
			k.findings.found(fmt.Errorf("the server does not report %s", name))
		}
	}
	for _, name := range constants {
		if n := figures.Counters[name] + figures.Counters["Packed."+name]; n > 0 {
			k.findings.found(fmt.Errorf("%s is %.0f", name, n))
		}
	}
	k.record.Moved = map[string]float64{}
	for name, value := range figures.Counters {
		if value != 0 {
			k.record.Moved[name] = value
		}
	}
	last, err := k.look(true)
	for attempt := 0; err != nil && attempt < 2; attempt++ { // it may be busy
		last, err = k.look(true)
	}
	if err != nil {
		return err
	}
	k.record.Figures["files_empty"], k.record.Figures["files_drained"] = float64(empty.Files), float64(last.Files)
	k.record.Figures["goroutines_empty"], k.record.Figures["goroutines_drained"] = float64(empty.Goroutines), float64(last.Goroutines)
	k.record.Figures["heap_drained_B"], k.record.Figures["rss_drained_B"] = float64(last.HeapUsed), float64(last.RSS)
	if more := last.Files - empty.Files; more > 10 {
		k.findings.found(fmt.Errorf("without clients the server has %d more descriptors than before the first", more))
	}
	return nil
}

// figures asks the server, which may be busy.
func (k *soak) figures() (figures peer.Stats, err error) {
	for range 3 {
		if figures, err = k.proc.AskStats(); err == nil {
			break
		}
	}
	return figures, err
}

// leftOf lists the gauges that are not 0.
func leftOf(counters map[string]float64) (left []string) {
	for _, name := range slices.Sorted(maps.Keys(counters)) {
		if slices.Contains(gauges, strings.TrimPrefix(name, "Packed.")) && counters[name] != 0 {
			left = append(left, fmt.Sprintf("%s %.0f", name, counters[name]))
		}
	}
	return left
}

// write records what the clients have done and seen.
func (k *soak) write() {
	c := &k.counts
	for name, n := range map[string]int{
		"opened": c.opened, "refused": c.refused, "recovered": c.recovered, "fresh": c.fresh, "cut": c.cut, "left": c.left, "stalled": c.stalled,
		"slow": c.slow, "lost": c.lost, "answered": c.answered, "dropped": c.dropped, "deliveries": c.deliveries, "broadcasts": c.broadcasts, "attacks": c.attacks, "missing": c.missing,
	} {
		k.record.Figures[name] = float64(n)
	}
}
