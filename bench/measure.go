//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sioserver/sioserver/bench/load"
	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/bench/report"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/run"
	"github.com/sioserver/sioserver/bench/scenario"
)

const resultsFile = "results.jsonl"

// measureAll runs the chosen scenarios and writes the results, also when it is
// interrupted.
func measureAll(ctx context.Context, o options, out, log io.Writer) (err error) {
	profiles, peers, err := loadFiles(o)
	if err != nil {
		return err
	}
	if err := load.RaiseDescriptorLimit(); err != nil {
		fmt.Fprintln(log, "bench: the limit on open files stays as it is:", err)
	}
	if err := measure.PinSelf(o.cores.Load); err != nil {
		return err
	}
	sink := io.Discard
	if o.out != "" {
		if err := os.MkdirAll(o.out, 0o755); err != nil {
			return err
		}
		file, err := os.Create(filepath.Join(o.out, resultsFile+".new"))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		sink = file
	}
	writer := result.NewWriter(sink)
	var records []result.Record
	record := func(r result.Record) error {
		r.Time = time.Now().UTC().Truncate(time.Second)
		records = append(records, r)
		switch {
		case r.Type == result.Skip:
			fmt.Fprintf(log, "left out: %s: %s\n", cmp.Or(r.Peer, r.Profile), r.Error)
		case r.Error != "":
			fmt.Fprintf(log, "FAILED: %s, %s, run %d: %s\n", r.Profile, r.Peer, r.Run, r.Error)
		}
		return writer.Write(r)
	}
	machine := measure.ReadMachine()
	if err := record(result.Record{Type: result.Start, Machine: &machine, Command: commandLine(), Cores: &o.cores}); err != nil {
		return err
	}
	display := newDisplay(log)
	series := &run.Series{
		Cores: o.cores, Peers: peers, Names: o.peers, Runs: o.runs, Attempts: o.attempts, Strict: o.strict,
		Record: record, Progress: display.show,
	}
	var failed error
	for _, p := range profiles {
		err := series.Do(ctx, p)
		display.clear()
		if errors.Is(err, run.Interrupted()) {
			failed = err
			break
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", p.Name, err))
		}
		if err := writeTables(out, records, p.Name); err != nil {
			return err
		}
	}
	interrupted := errors.Is(failed, run.Interrupted())
	if interrupted {
		if err := writeTables(out, records, ""); err != nil {
			return err
		}
	}
	if err := record(result.Record{Type: result.End, Partial: failed != nil}); err != nil {
		return err
	}
	if o.out != "" {
		if err := replaceResults(o.out, records); err != nil {
			return err
		}
		if err := writeAttacks(o.out, records); err != nil {
			return err
		}
		if err := writeLinks(o.out, records); err != nil {
			return err
		}
		if err := drawCharts(o, records, peers, out); err != nil {
			return err
		}
	}
	return failed
}

// replaceResults replaces earlier results by the new ones, unless nothing was
// measured.
func replaceResults(dir string, records []result.Record) error {
	name := filepath.Join(dir, resultsFile)
	if !slices.ContainsFunc(records, func(r result.Record) bool { return r.Type == result.Run && len(r.Figures)+len(r.Series) > 0 }) {
		return os.Remove(name + ".new")
	}
	return os.Rename(name+".new", name)
}

// loadFiles reads the scenarios that were asked for and all servers.
func loadFiles(o options) ([]*scenario.Profile, map[string]*peer.Peer, error) {
	profiles, err := scenario.LoadDir(o.profiles)
	if err != nil {
		return nil, nil, err
	}
	peers, err := peer.LoadDir(o.peersDir)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range o.peers {
		if peers[name] == nil {
			known := slices.Sorted(maps.Keys(peers))
			return nil, nil, fmt.Errorf("-peers: there is no server %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	profiles = slices.DeleteFunc(profiles, func(p *scenario.Profile) bool { return !o.match.MatchString(p.Name) })
	if len(profiles) == 0 {
		return nil, nil, fmt.Errorf("-run: no scenario of %s matches %q", o.profiles, o.match)
	}
	for _, p := range profiles {
		if o.duration > 0 && p.Duration > 0 {
			p.Duration = scenario.Duration(o.duration)
		}
	}
	return profiles, peers, nil
}

// attacksFile has the tables of attacks, as Markdown.
const attacksFile = "attacks.md"

// writeAttacks writes the tables of attacks next to the results, when there are
// any.
func writeAttacks(dir string, records []result.Record) error {
	var b bytes.Buffer
	if err := report.WriteAttacks(&b, records, ""); err != nil || b.Len() == 0 {
		return err
	}
	return os.WriteFile(filepath.Join(dir, attacksFile), bytes.TrimLeft(b.Bytes(), "\n"), 0o644)
}

// The tables of scenarios with slow links, as Markdown, and results of an
// earlier version to show beside the new ones.
const (
	linksFile  = "links.md"
	beforeFile = "before.jsonl"
)

// writeLinks writes the table of slow links next to the results, when there is
// one.
func writeLinks(dir string, records []result.Record) error {
	before, err := readBefore(dir)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := report.WriteLinks(&b, records, before, ""); err != nil || b.Len() == 0 {
		return err
	}
	return os.WriteFile(filepath.Join(dir, linksFile), bytes.TrimLeft(b.Bytes(), "\n"), 0o644)
}

// readBefore reads the earlier results, if there are any.
func readBefore(dir string) ([]result.Record, error) {
	file, err := os.Open(filepath.Join(dir, beforeFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return result.Read(file)
}

// writeTables prints the table of one profile, or of all when name is empty.
func writeTables(out io.Writer, records []result.Record, name string) error {
	for _, table := range report.Tables(records) {
		if name != "" && table.Profile != name {
			continue
		}
		if err := table.Write(out); err != nil {
			return err
		}
	}
	if err := report.WriteAttacks(out, records, name); err != nil {
		return err
	}
	return report.WriteLinks(out, records, nil, name)
}

// list prints what could be measured.
func list(o options, out io.Writer) error {
	profiles, peers, err := loadFiles(o)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "Scenarios:")
	for _, p := range profiles {
		fmt.Fprintf(out, "  %-24s %s\n", p.Name, p.Title)
	}
	fmt.Fprintln(out, "Servers:")
	for _, name := range slices.Sorted(maps.Keys(peers)) {
		fmt.Fprintf(out, "  %-24s %s\n", name, peers[name].Label)
	}
	return nil
}

// commandLine is how the program was called, without the path of the temporary
// binary that "go run" makes.
func commandLine() string {
	return strings.Join(append([]string{"go run ./bench"}, os.Args[1:]...), " ")
}
