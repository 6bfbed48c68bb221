//go:build linux

package scenario

import (
	"time"
)

// Kind is what a scenario does.
type Kind string

const (
	Idle      Kind = "idle"      // memory by number of idle clients
	Waves     Kind = "waves"     // memory over time while clients come and go
	Broadcast Kind = "broadcast" // one emit to every client
	Rooms     Kind = "rooms"     // one emit to a room, round robin
	Echo      Kind = "echo"      // acknowledged events, closed loop
	Latency   Kind = "latency"   // acknowledged events at a fixed rate, open loop
	Storm     Kind = "storm"     // connect, then leave
	Cluster   Kind = "cluster"   // one emit to every client, or to a room, of another server
	Attack    Kind = "attack"    // attacks beside honest clients
	Flood     Kind = "flood"     // stock clients that emit more at once than their handlers can take
	Soak      Kind = "soak"      // mixed traffic of clients that come and go, for long
	Link      Kind = "link"      // large and many messages on lines to Redis that are slow or break
)

// Transport is how the clients of a scenario connect.
type Transport string

const (
	WebSocket Transport = "websocket"
	Polling   Transport = "polling"
	Upgrade   Transport = "upgrade" // polling first, then WebSocket: the reference's own load
)

// Profile is one scenario. Which fields a kind uses is in profiles/README.md;
// the others are zero.
type Profile struct {
	Name      string    // the file's name without its ending
	Title     string    `toml:"title"`
	Kind      Kind      `toml:"kind"`
	Transport Transport `toml:"transport"`
	// StayPolling is the share of the clients of an upgrade load that never
	// upgrade, 0 to 1.
	StayPolling float64 `toml:"stay_polling"`
	// Deflate makes clients offer permessage-deflate; whether it is used is up
	// to the server.
	Deflate bool `toml:"deflate"`
	// Runs is how often each server is measured; Peers are the servers, by
	// name, in the order of the report.
	Runs  int      `toml:"runs"`
	Peers []string `toml:"peers"`

	Clients     int   `toml:"clients"`     // clients connected before the measurement
	Concurrency int   `toml:"concurrency"` // connections being set up at the same time
	Steps       []int `toml:"steps"`       // idle: numbers of clients; waves: the same, in turn
	// Settle is the wait before a measurement, so that the server can finish
	// earlier work.
	Settle Duration `toml:"settle"`
	// Hold is how long each level of a wave lasts after the last client came or
	// left, Sample the time between two readings of the memory.
	Hold   Duration `toml:"hold"`
	Sample Duration `toml:"sample"`

	Payload  int      `toml:"payload"`   // bytes of the string that every message carries
	Binary   bool     `toml:"binary"`    // broadcast: every message carries bytes instead
	Rooms    int      `toml:"rooms"`     // rooms, each with clients/rooms members; cluster: 0 for all clients
	InFlight int      `toml:"in_flight"` // emits (or requests of one client) that are under way at any time
	Rate     int      `toml:"rate"`      // requests a second over all clients
	Warmup   Duration `toml:"warmup"`    // load before the measurement begins
	Duration Duration `toml:"duration"`  // of the measurement
	Total    int      `toml:"total"`     // storm: connections to make

	// Attacks are the attacks to make, by name, each against a fresh server.
	Attacks []string `toml:"attacks"`
	// Window is how long the honest clients are measured before the attack or
	// flood.
	Window Duration `toml:"window"`
	// After is when the memory is read for the last time, counted from the end
	// of the attack; with Early as soon as it is no more than AfterMB above
	// what it was before, when that is sooner.
	After Duration `toml:"after"`
	Early bool     `toml:"early"`
	// PeakMB is what the server may hold at most, AfterMB by how much more than
	// before it may hold in the end, in megabytes; 0 for no bound.
	PeakMB   int `toml:"peak_mb"`
	AfterMB  int `toml:"after_mb"`
	Flooders int `toml:"flooders"` // flood: stock clients
	Events   int `toml:"events"`   // flood: events that each flooder emits in one go; link: events of the case

	// Churn is how many clients a second leave, are cut, stall or come back;
	// Every is the time from the begin of one attack of a soak to the next,
	// Each how long one lasts.
	Churn int      `toml:"churn"`
	Every Duration `toml:"every"`
	Each  Duration `toml:"each"`

	// Case is what a link scenario tries, by name; Within bounds all of it. The
	// others are those of link.Settings.
	Case   string   `toml:"case"`
	Within Duration `toml:"within"`
	Speed  float64  `toml:"speed_mb"`
	Sender float64  `toml:"sender_mb"`
	Pace   float64  `toml:"pace_mb"`
	Bytes  int      `toml:"bytes"`
	Auth   int      `toml:"auth"`
	Missed int      `toml:"missed"`
	MaxLen int      `toml:"max_len"`
	Stop   Duration `toml:"stop"`
	Pause  Duration `toml:"pause"`
	Short  Duration `toml:"short"`
}

// Duration is a time.Duration that files write as "1.5s".
type Duration time.Duration

// UnmarshalText reads the form of time.ParseDuration.
func (d *Duration) UnmarshalText(b []byte) error {
	parsed, err := time.ParseDuration(string(b))
	*d = Duration(parsed)
	return err
}

// Std is d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }
