//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sioserver/sioserver/bench/link"
	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/scenario"
)

// tryLink runs the profile's case with a cluster of the server. Its processes
// share all cores, as only memory is measured. The error says what is wrong.
func tryLink(ctx context.Context, p *scenario.Profile, pr *peer.Peer, cores result.Cores, progress Progress) (result.Record, error) {
	record := result.Record{
		Type: result.Run, Profile: p.Name, Title: p.Title, Kind: string(p.Kind), Peer: pr.Name, Label: pr.Label,
	}
	tried, err := link.Find(p.Case)
	if err != nil {
		return record, err
	}
	with, ok := pr.With(peer.Control)
	if !ok {
		return record, fmt.Errorf("the server %s takes no orders", pr.Name)
	}
	all := slices.Concat(cores.Server, cores.Load)
	slices.Sort(all)
	outcome, err := tried.Try(ctx, with, slices.Compact(all), link.Settings{
		Speed: p.Speed, Sender: p.Sender, Pace: p.Pace, Events: p.Events, Bytes: p.Bytes, Auth: p.Auth, Clients: p.Clients, Rooms: p.Rooms,
		Missed: p.Missed, MaxLen: p.MaxLen, Stop: p.Stop.Std(), Pause: p.Pause.Std(), Short: p.Short.Std(), Within: p.Within.Std(),
	}, func(what string) { progress(what, 0, 0) })
	record.Shown, record.Figures, record.Moved = outcome.Shown, outcome.Figures, outcome.Moved
	findings := Findings{Of: "not as it should be"}
	for _, wrong := range outcome.Wrong {
		findings.found(wrong)
	}
	if held := outcome.Figures["rss_peak_B"] / megabytes; p.PeakMB > 0 && held > float64(p.PeakMB) {
		findings.found(fmt.Errorf("a server held %.0f MB, more than %d", held, p.PeakMB))
	}
	return record, errors.Join(findings.err(), err)
}
