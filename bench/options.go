//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/result"
)

type options struct {
	profiles  string // folder of the scenarios
	published string // folder that has the reference's figures
	peersDir  string
	out       string
	match     *regexp.Regexp
	peers     []string
	runs      int
	duration  time.Duration
	attempts  int
	strict    bool // leaving something out is an error: on CI
	cores     result.Cores
	list      bool
	draw      string
}

// attempts is how often a run is made at most when other work disturbs it.
const attempts = 3

const usage = `Measures Socket.IO servers side by side on this machine.

  go run ./bench                           everything: about an hour
  go run ./bench -quick                    most scenarios once and short: a smoke test
  go run ./bench -run idle -peers sioserver,socketio-ws
  go run ./bench -profiles profiles/range  attacks and floods beside honest clients
  go run ./bench -profiles profiles/soak   clients that come and go under attacks, for half an hour
  go run ./bench -profiles profiles/link   clusters on lines to Redis that are slow, stand still or break
  go run ./bench -list                     the scenarios and servers
  go run ./bench -draw profiles/results/results.jsonl

Scenarios are files (profiles/README.md), servers too (bench/peers/README.md).
Results: a table here; one JSON object a line, and charts as SVG and PNG, in the folder of -out.
An interrupt (Ctrl-C) keeps what was measured until then.

Flags:
`

func parseOptions(args []string, log io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.Usage = func() {
		fmt.Fprint(log, usage)
		flags.PrintDefaults()
	}
	quick := flags.Bool("quick", false, "use the short scenarios in the folder quick of -profiles")
	match := flags.String("run", "", "only scenarios whose name matches this regular `expression`")
	peers := flags.String("peers", "", "only these servers, a comma-separated `list` of names (default: those of each scenario)")
	server := flags.String("server-cores", "", "`cores` for the servers, such as 1 or 2-3 (default: the last one)")
	load := flags.String("load-cores", "", "`cores` for the load (default: all others)")
	flags.StringVar(&o.profiles, "profiles", "profiles", "`folder` of the scenarios")
	flags.StringVar(&o.peersDir, "servers", filepath.Join("bench", "peers"), "`folder` of the servers")
	flags.StringVar(&o.out, "out", "", "`folder` for results.jsonl and the charts (default: results in -profiles; none with -quick)")
	flags.IntVar(&o.runs, "runs", 0, "runs of each server (default: what the scenario says)")
	flags.DurationVar(&o.duration, "duration", 0, "how long each measurement, attack or soak lasts (default: what the scenario says)")
	flags.BoolVar(&o.list, "list", false, "list scenarios and servers")
	flags.StringVar(&o.draw, "draw", "", "draw the charts and print the tables of this results `file` again")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q (see -h)", flags.Arg(0))
	}
	if o.match, err = regexp.Compile(*match); err != nil {
		return o, fmt.Errorf("-run: %w", err)
	}
	if o.runs < 0 {
		return o, fmt.Errorf("-runs %d: must not be negative", o.runs)
	}
	if o.duration < 0 {
		return o, fmt.Errorf("-duration %s: must not be negative", o.duration)
	}
	switch {
	case o.out != "":
	case o.draw != "":
		o.out = filepath.Dir(o.draw)
	case !*quick:
		o.out = filepath.Join(o.profiles, "results")
	}
	o.published = o.profiles
	if *quick {
		o.profiles = filepath.Join(o.profiles, "quick")
	}
	if *peers != "" {
		o.peers = strings.Split(*peers, ",")
	}
	o.strict = os.Getenv("CI") == "true"
	o.attempts = attempts
	if *quick {
		o.attempts = 1 // its times do not count
	}
	o.cores, err = chooseCores(*server, *load)
	return o, err
}

// chooseCores splits the cores that this process may use between servers and
// load.
func chooseCores(server, load string) (c result.Cores, err error) {
	all, err := measure.Cores()
	if err != nil {
		return c, err
	}
	if server != "" {
		if c.Server, err = parseCores(server, all); err != nil {
			return c, fmt.Errorf("-server-cores: %w", err)
		}
	} else {
		c.Server = all[len(all)-1:]
	}
	if load != "" {
		if c.Load, err = parseCores(load, all); err != nil {
			return c, fmt.Errorf("-load-cores: %w", err)
		}
		return c, nil
	}
	taken := map[int]bool{}
	for _, core := range c.Server {
		taken[core] = true
	}
	for _, core := range all {
		if !taken[core] {
			c.Load = append(c.Load, core)
		}
	}
	if len(c.Load) == 0 {
		return c, errors.New("the servers have all cores: leave one for the load (-server-cores), or let both share them (-load-cores)")
	}
	return c, nil
}

// parseCores reads a list of cores, each of them among all.
func parseCores(list string, all []int) ([]int, error) {
	cores, err := measure.ParseCores(list)
	for _, core := range cores {
		if !slices.Contains(all, core) {
			return nil, fmt.Errorf("there is no core %d, this process may use %v", core, all)
		}
	}
	return cores, err
}
