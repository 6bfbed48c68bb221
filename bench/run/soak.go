//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sioserver/sioserver/bench/attack"
	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/stats"
)

const (
	soakRooms     = 500 // at most
	soakStep      = 20 * time.Millisecond
	soakBroadcast = 5 * time.Second // between two events to all clients
	soakSteady    = 10              // one of so many clients stays
)

// soak has clients of all transports come and go with mixed traffic, makes one
// attack after the other meanwhile, and samples the server. Every packet is
// checked; in the end nothing of what the server counts may be left, and what
// it holds must not have grown.
func (s *session) soak() error {
	k := s.newSoak()
	err := k.run()
	k.write()
	return errors.Join(k.findings.err(), err)
}

// soak is the run of one.
type soak struct {
	*session
	random   *rand.Rand
	slots    []soakClient
	rooms    int
	members  int // of a room
	requests map[int]soakRequest
	number   int // of requests
	payload  []byte
	bytes    []byte // of binary events
	packet   []byte
	findings Findings

	start, next, churned, walked, sent time.Duration // times of what is done at a rate
	emitted                            uint32        // events to all
	live                               int
	counts                             soakCounts
	latency                            *stats.Histogram // of steady clients, since the last sample

	samples chan soakSample
	begun   time.Time
}

// soakCounts are what a soak has done and seen.
type soakCounts struct {
	opened, refused, recovered, fresh, cut, left, stalled, slow int // clients
	lost                                                        int // clients that were disconnected though they read
	answered, dropped, deliveries, broadcasts                   int // dropped: requests of clients that left
	attacks, missing                                            int // missing: samples
}

type soakSample struct {
	sample result.Sample
	err    error
}

func (s *session) newSoak() *soak {
	k := &soak{
		session: s, random: rand.New(rand.NewPCG(1, 2)), requests: map[int]soakRequest{}, latency: stats.NewHistogram(),
		payload:  fmt.Appendf(nil, `["%s"]`, filled(s.profile.Payload)),
		bytes:    []byte(filled(s.profile.Payload)),
		findings: Findings{Of: "the soak finds"}, samples: make(chan soakSample, 1),
	}
	n := s.profile.Clients
	k.rooms = max(min(soakRooms, n/4), 1)
	k.members = (n + k.rooms - 1) / k.rooms
	k.slots = make([]soakClient, n)
	for i := range k.slots {
		room, place := i%k.rooms, i/k.rooms
		k.slots[i] = soakClient{index: i, room: room, place: place, steady: (room+place)%soakSteady == 0, last: make([]uint32, k.members)}
	}
	s.onOpened, s.onPacket, s.onBinary, s.onClosed = k.opened, k.receive, k.attachment, k.closed
	return k
}

func (k *soak) run() error {
	empty, err := k.look(false)
	if err != nil {
		return err
	}
	if err := k.fill(); err != nil {
		return err
	}
	if err := k.rest(k.profile.Settle.Std()); err != nil {
		return err
	}
	err = k.work()
	k.record.Figures["lasted_s"] = time.Since(k.begun).Seconds()
	if err != nil {
		return k.explain(err)
	}
	k.judgeGrowth()
	if err := k.finish(); err != nil {
		return k.explain(err)
	}
	return k.drain(empty)
}

// fill connects all clients.
func (k *soak) fill() error {
	dialled := 0
	return k.await("clients to connect", func() bool {
		for dialled < len(k.slots) && dialled-k.live < k.profile.Concurrency {
			k.dial(&k.slots[dialled])
			dialled++
		}
		k.walk()
		k.progress("clients", k.live, len(k.slots))
		return k.live == len(k.slots)
	})
}

// work is the soak itself.
func (k *soak) work() error {
	k.begun = time.Now()
	k.start = k.gen.Now()
	k.next, k.churned, k.sent = k.start, k.start, k.start
	whole := k.profile.Duration.Std()
	ctx, cancel := context.WithCancel(k.ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	var attacking, sampling bool
	attacked := make(chan error, 1)
	attackAt, sampleAt := k.profile.Every.Std()-k.profile.Each.Std(), k.profile.Sample.Std()
	for {
		elapsed := time.Since(k.begun)
		k.progress("soaking", int(elapsed.Seconds()), int(whole.Seconds()))
		if elapsed >= whole && !attacking && !sampling {
			return nil
		}
		select {
		case idle := <-attacked:
			k.findings.found(idle)
			attacking = false
		case taken := <-k.samples:
			k.keep(taken)
			sampling = false
		default:
		}
		if !attacking && elapsed >= attackAt && elapsed+k.profile.Each.Std() < whole {
			attackAt += k.profile.Every.Std()
			attacking = true
			name := k.profile.Attacks[k.counts.attacks%len(k.profile.Attacks)]
			k.counts.attacks++
			beside.Go(func() { attacked <- k.attack(ctx, name) })
		}
		if !sampling && elapsed >= sampleAt && elapsed < whole {
			sampleAt += k.profile.Sample.Std()
			sampling = true
			beside.Go(func() { k.take(elapsed) })
		}
		k.act()
		if err := k.poll(time.Millisecond); err != nil {
			return err
		}
		if err := k.servers.Ended(); err != nil {
			return err
		}
		if held, err := k.tooLarge(); err != nil || held {
			return err
		}
	}
}

// tooLarge reports whether the server holds more than it may, which ends the
// soak.
func (k *soak) tooLarge() (bool, error) {
	if k.profile.PeakMB == 0 || len(k.record.Series) == 0 {
		return false, nil
	}
	rss := k.record.Series[len(k.record.Series)-1].RSS
	if rss/megabytes <= int64(k.profile.PeakMB) {
		return false, nil
	}
	k.findings.found(fmt.Errorf("the server held %d MB, more than %d", rss/megabytes, k.profile.PeakMB))
	return true, nil
}

// attack makes an attack, leaves, and returns what is wrong with its outcome.
// It runs on a goroutine of its own.
func (k *soak) attack(ctx context.Context, name string) error {
	a, err := attack.Find(name)
	if err != nil {
		return err
	}
	field := attack.Begin(ctx, k.profile.Each.Std(), a, attack.Target{Addr: k.proc.Addr.String(), Exhaust: k.proc.Exhaust, SetNodes: k.proc.SetNodes})
	<-field.Done()
	outcome := field.Outcome()
	field.Leave()
	return a.Judge(outcome)
}

// take reads one sample. It runs on a goroutine of its own.
func (k *soak) take(elapsed time.Duration) {
	sample, err := k.look(true)
	sample.Seconds = elapsed.Seconds()
	k.samples <- soakSample{sample, err}
}

// look measures the server; its heap without garbage, which it then collects.
func (k *soak) look(heap bool) (sample result.Sample, err error) {
	if sample.RSS, err = measure.ReadRSS(k.proc.PID()); err != nil {
		return sample, err
	}
	if sample.Files, err = measure.OpenFiles(k.proc.PID()); err != nil {
		return sample, err
	}
	figures, err := k.proc.AskStats()
	if err != nil && !errors.Is(err, peer.ErrNoFigures) {
		return sample, err
	}
	sample.Goroutines = figures.Goroutines
	if !heap {
		return sample, nil
	}
	live, err := k.proc.AskHeap(true)
	if err != nil && !errors.Is(err, peer.ErrNoFigures) {
		return sample, err
	}
	sample.HeapUsed = live.Used
	return sample, nil
}

// keep adds what the clients have seen to a sample, and records it. One that
// the server was too busy to answer for is counted instead.
func (k *soak) keep(taken soakSample) {
	if taken.err != nil {
		k.counts.missing++
		return
	}
	sample := taken.sample
	sample.Clients = k.live
	sample.P50, sample.P99 = k.latency.Percentile(50).Microseconds(), k.latency.Percentile(99).Microseconds()
	k.latency = stats.NewHistogram()
	k.record.Series = append(k.record.Series, sample)
}
