//go:build linux

package scenario

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sioserver/sioserver/bench/attack"
	"github.com/sioserver/sioserver/bench/link"
)

// common are the settings of every kind but those in without; optional and
// required those of each.
var (
	common = []string{"title", "kind", "transport", "stay_polling", "deflate", "runs", "peers", "concurrency", "settle"}

	required = map[Kind][]string{
		Idle:      {"steps"},
		Waves:     {"steps", "hold"},
		Broadcast: {"clients", "in_flight", "duration"},
		Rooms:     {"clients", "rooms", "in_flight", "duration"},
		Echo:      {"clients", "in_flight", "duration"},
		Latency:   {"clients", "rate", "duration"},
		Storm:     {"total"},
		Cluster:   {"clients", "in_flight", "duration"},
		Attack:    {"clients", "rate", "duration", "window", "peak_mb"},
		Flood:     {"clients", "rate", "window", "flooders", "events"},
		Soak:      {"clients", "rate", "churn", "duration", "sample", "attacks", "every", "each"},
		Link:      {"case", "within"},
	}
	without = map[Kind][]string{
		Flood: {"deflate", "stay_polling"},   // stock clients decide about it
		Soak:  {"transport", "stay_polling"}, // it has all
		Link:  {"transport", "deflate", "stay_polling", "concurrency", "settle"},
	}
	optional = map[Kind][]string{
		Waves:     {"sample"},
		Broadcast: {"payload", "binary", "warmup"},
		Rooms:     {"payload", "warmup"},
		Echo:      {"payload", "warmup"},
		Latency:   {"payload", "warmup"},
		Cluster:   {"rooms", "payload", "warmup"},
		Attack:    {"payload", "attacks", "after", "after_mb", "early"},
		Flood:     {"payload", "peak_mb"},
		Soak:      {"payload", "after", "peak_mb"},
		Link: {"speed_mb", "sender_mb", "pace_mb", "events", "bytes", "auth", "clients", "rooms", "missed", "max_len", "stop", "pause", "short",
			"peak_mb"},
	}
)

// soakFeatures are what a soak's server has of what attacks need.
var soakFeatures = []string{"", "handlers", "dynamic", "deflate", "eio3", "msgpack"}

const (
	defaultPayload     = 100
	minPayload         = 16 // room for the sequence number in front
	maxPayload         = 60_000
	maxInFlight        = 64
	defaultConcurrency = 64
	maxConcurrency     = 400 // below the listen backlog of every peer
	defaultAfter       = Duration(time.Minute)
)

// validate checks p against the settings that its file gave, whose lines are
// known, and fills in the defaults.
func (p *Profile) validate(given map[string]any, lines map[string]int) error {
	need, known := required[p.Kind]
	if !known {
		kinds := slices.Sorted(maps.Keys(required))
		return at(lines["kind"], fmt.Errorf("kind = %q: must be one of %s", p.Kind, joinKinds(kinds)))
	}
	var errs []error
	for _, name := range need {
		if _, ok := given[name]; !ok {
			errs = append(errs, fmt.Errorf("kind %q needs the setting %q", p.Kind, name))
		}
	}
	// Each refusal begins with the name of its setting.
	refuse := func(format string, args ...any) {
		err := fmt.Errorf(format, args...)
		name, _, _ := strings.Cut(err.Error(), " ")
		errs = append(errs, at(lines[strings.TrimSuffix(name, ":")], err))
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		has := slices.Contains(common, name) && !slices.Contains(without[p.Kind], name) || slices.Contains(need, name) || slices.Contains(optional[p.Kind], name)
		if !has {
			refuse("%s: kind %q has no such setting", name, p.Kind)
		}
	}
	atLeast := func(name string, value, min int) {
		if _, ok := given[name]; ok && value < min {
			refuse("%s = %d: must be at least %d", name, value, min)
		}
	}
	positive := func(name string, value Duration) {
		if _, ok := given[name]; ok && value <= 0 {
			refuse("%s = %q: must be more than 0", name, time.Duration(value))
		}
	}
	atLeast("clients", p.Clients, 1)
	atLeast("rate", p.Rate, 1)
	atLeast("total", p.Total, 1)
	atLeast("runs", p.Runs, 1)
	atLeast("rooms", p.Rooms, 1)
	atLeast("concurrency", p.Concurrency, 1)
	atLeast("in_flight", p.InFlight, 1)
	atLeast("payload", p.Payload, minPayload)
	positive("duration", p.Duration)
	positive("hold", p.Hold)
	positive("sample", p.Sample)
	positive("window", p.Window)
	positive("every", p.Every)
	positive("each", p.Each)
	atLeast("churn", p.Churn, 1)
	positive("after", p.After)
	atLeast("peak_mb", p.PeakMB, 1)
	atLeast("after_mb", p.AfterMB, 1)
	atLeast("flooders", p.Flooders, 1)
	atLeast("events", p.Events, 1)
	atLeast("bytes", p.Bytes, 1)
	atLeast("auth", p.Auth, 1)
	atLeast("missed", p.Missed, 1)
	atLeast("max_len", p.MaxLen, 1)
	positive("within", p.Within)
	positive("stop", p.Stop)
	positive("pause", p.Pause)
	positive("short", p.Short)
	p.fill(given)

	switch p.Transport {
	case WebSocket, Polling, Upgrade:
	default:
		refuse("transport = %q: must be websocket, polling or upgrade", p.Transport)
	}
	if p.StayPolling < 0 || p.StayPolling > 1 {
		refuse("stay_polling = %g: must be between 0 and 1", p.StayPolling)
	}
	if p.StayPolling > 0 && p.Transport != Upgrade {
		refuse("stay_polling = %g: only the transport \"upgrade\" has clients that could upgrade", p.StayPolling)
	}
	if (p.Binary || p.Deflate) && p.Transport != WebSocket {
		refuse("transport = %q: binary and deflate are for \"websocket\"", p.Transport)
	}
	if p.Payload > maxPayload {
		refuse("payload = %d: must be at most %d", p.Payload, maxPayload)
	}
	if p.InFlight > maxInFlight {
		refuse("in_flight = %d: must be at most %d", p.InFlight, maxInFlight)
	}
	if p.Concurrency > maxConcurrency {
		refuse("concurrency = %d: must be at most %d", p.Concurrency, maxConcurrency)
	}
	if p.Rooms > 0 && p.Clients%p.Rooms != 0 && p.Kind != Link {
		refuse("rooms = %d: clients (%d) must be a multiple of it", p.Rooms, p.Clients)
	}
	if p.Settle < 0 {
		refuse("settle = %q: must not be negative", p.Settle.Std())
	}
	if p.Warmup < 0 {
		refuse("warmup = %q: must not be negative", p.Warmup.Std())
	}
	if p.Early && p.AfterMB == 0 {
		refuse("early = true: needs the setting \"after_mb\", which ends the wait")
	}
	for name, speed := range map[string]float64{"speed_mb": p.Speed, "sender_mb": p.Sender, "pace_mb": p.Pace} {
		if speed < 0 {
			refuse("%s = %g: must not be negative", name, speed)
		}
	}
	if _, ok := given["case"]; ok {
		tried, err := link.Find(p.Case)
		if err != nil {
			refuse("case = %q: must be one of %s", p.Case, strings.Join(link.Names(), ", "))
		}
		for _, name := range tried.Needs {
			if _, ok := given[name]; !ok {
				refuse("case = %q: needs the setting %q", p.Case, name)
			}
		}
	}
	if p.Kind == Soak && p.Each >= p.Every {
		refuse("each = %q: must be less than every", p.Each.Std())
	}
	for i, name := range p.Attacks {
		if a, err := attack.Find(name); err == nil && p.Kind == Soak && !slices.Contains(soakFeatures, a.Needs) {
			refuse("attacks = %q: needs a server that soaks do not have", name)
		} else if err != nil {
			refuse("attacks = %q: must be among %s", name, strings.Join(attack.Names(), ", "))
		} else if slices.Contains(p.Attacks[:i], name) {
			refuse("attacks = %q: is there twice", name)
		}
	}
	if _, ok := given["attacks"]; ok && len(p.Attacks) == 0 {
		refuse("attacks = []: needs one of %s", strings.Join(attack.Names(), ", "))
	}
	for _, err := range p.validateSteps(given) {
		refuse("%w", err)
	}
	return errors.Join(errs...)
}

// at names the line of an error; 0 is none.
func at(line int, err error) error {
	if line == 0 {
		return err
	}
	return fmt.Errorf("line %d: %w", line, err)
}

func (p *Profile) validateSteps(given map[string]any) (errs []error) {
	if _, ok := given["steps"]; !ok {
		return nil
	}
	if len(p.Steps) < 2 {
		return []error{fmt.Errorf("steps = %v: needs at least two numbers of clients", p.Steps)}
	}
	for i, n := range p.Steps {
		if n < 0 {
			errs = append(errs, fmt.Errorf("steps = %v: %d is negative", p.Steps, n))
		}
		if p.Kind == Idle && i > 0 && n <= p.Steps[i-1] {
			errs = append(errs, fmt.Errorf("steps = %v: %d does not rise above the step before it", p.Steps, n))
		}
	}
	return errs
}

func (p *Profile) fill(given map[string]any) {
	setDefault := func(name string, set func()) {
		if _, ok := given[name]; !ok {
			set()
		}
	}
	setDefault("title", func() { p.Title = p.Name })
	setDefault("transport", func() { p.Transport = WebSocket })
	setDefault("runs", func() { p.Runs = 3 })
	setDefault("concurrency", func() { p.Concurrency = defaultConcurrency })
	setDefault("payload", func() { p.Payload = defaultPayload })
	setDefault("sample", func() { p.Sample = Duration(500 * time.Millisecond) })
	setDefault("settle", func() { p.Settle = Duration(time.Second) })
	setDefault("warmup", func() { p.Warmup = Duration(500 * time.Millisecond) })
	if p.Kind == Attack {
		setDefault("attacks", func() { p.Attacks = attack.Names() })
	}
	if p.Kind == Attack || p.Kind == Soak {
		setDefault("after", func() { p.After = defaultAfter })
	}
}

func joinKinds(kinds []Kind) string {
	var b strings.Builder
	for i, k := range kinds {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(k))
	}
	return b.String()
}
