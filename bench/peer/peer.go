//go:build linux

package peer

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Peer is a server that can be started. In its strings "{bin}" stands for the
// folder of built programs, "{port}" in Command for the port to listen on.
type Peer struct {
	Name  string // the file's name without its ending
	Label string `toml:"label"` // how charts and tables call it; the name when empty
	Color string `toml:"color"` // of its line, "#rrggbb"; grey when empty
	Own   bool   `toml:"own"`   // drawn bold: the server that the others are compared with
	// Command is the command line, run in the folder of the file; Env are
	// further environment variables.
	Command []string          `toml:"command"`
	Env     map[string]string `toml:"env"`
	// Prepare is a command that builds or installs what Command needs. It is
	// run when the path Needs does not exist, or always when Needs is empty.
	Prepare []string `toml:"prepare"`
	Needs   string   `toml:"needs"`
	// Transports are those that the server speaks; all when empty.
	Transports []string `toml:"transports"`
	// Without are the kinds of scenario that the server does not offer.
	Without []string `toml:"without"`
	// Cluster says that the server joins others through the Redis of its
	// environment: it is started twice or more often, and takes part only in
	// scenarios of the kinds "cluster" and "link", in these with the feature
	// Control, and in attacks on that Redis.
	Cluster bool `toml:"cluster"`
	// Figures says that the server answers questions about its heap on its
	// standard input, Stats about its counters.
	Figures bool `toml:"figures"`
	Stats   bool `toml:"stats"`
	// Features are what the server offers beyond the events of every server, by
	// name, each with the arguments that Command then gets.
	Features map[string][]string `toml:"features"`
	// Clients are stock clients that flood the server. Without them it does not
	// offer scenarios of the kind "flood".
	Clients Clients `toml:"clients"`

	dir string
	rgb [3]uint8
}

// Control is the feature of servers that take orders: see
// bench/peers/README.md.
const Control = "control"

// Clients is a program with stock clients in it, run in the folder of the file.
// Prepare and Needs are as those of a Peer.
type Clients struct {
	Command []string `toml:"command"`
	Prepare []string `toml:"prepare"`
	Needs   string   `toml:"needs"`
}

// RGBA is the peer's color.
func (p *Peer) RGBA() color.RGBA { return color.RGBA{p.rgb[0], p.rgb[1], p.rgb[2], 255} }

// LoadDir reads every peer file of a folder, by name.
func LoadDir(dir string) (map[string]*Peer, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no peer (*.toml) in %s", dir)
	}
	peers := map[string]*Peer{}
	var errs []error
	for _, file := range files {
		p, err := load(file)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
			continue
		}
		peers[p.Name] = p
	}
	return peers, errors.Join(errs...)
}

func load(file string) (*Peer, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	p := &Peer{Name: strings.TrimSuffix(filepath.Base(file), ".toml"), dir: dir}
	decoder := toml.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(p); err != nil {
		var strict *toml.StrictMissingError
		if errors.As(err, &strict) {
			return nil, errors.New(strict.String())
		}
		return nil, err
	}
	if len(p.Command) == 0 {
		return nil, errors.New("command is missing")
	}
	if p.Label == "" {
		p.Label = p.Name
	}
	if p.Color == "" {
		p.Color = "#808080"
	}
	if _, err := fmt.Sscanf(p.Color, "#%02x%02x%02x", &p.rgb[0], &p.rgb[1], &p.rgb[2]); err != nil || len(p.Color) != 7 {
		return nil, fmt.Errorf("color = %q: want \"#rrggbb\"", p.Color)
	}
	return p, nil
}

// With returns the peer as it is started for a scenario that needs the feature;
// the empty name is none. ok is false if the server does not offer it.
func (p *Peer) With(feature string) (with *Peer, ok bool) {
	if feature == "" {
		return p, true
	}
	args, ok := p.Features[feature]
	if !ok {
		return nil, false
	}
	copied := *p
	copied.Command = append(slices.Clip(p.Command), args...)
	return &copied, true
}

// Offers reports whether the server can take part in a scenario of the kind
// over the transport.
func (p *Peer) Offers(kind, transport string) bool {
	_, controlled := p.Features[Control]
	clustered := kind == "cluster" || kind == "link"
	return (p.Cluster == clustered || kind == "attack") && (kind != "link" || controlled) && (kind != "flood" || len(p.Clients.Command) > 0) && !slices.Contains(p.Without, kind) && p.Speaks(transport)
}

// Speaks reports whether the server speaks the transport.
func (p *Peer) Speaks(transport string) bool {
	return len(p.Transports) == 0 || slices.Contains(p.Transports, transport)
}

// Ready runs the peer's preparation when that is necessary. Its output is in
// the error when it fails.
func (p *Peer) Ready() error { return p.ready(p.Prepare, p.Needs) }

// ReadyClients does the same for the peer's clients.
func (p *Peer) ReadyClients() error { return p.ready(p.Clients.Prepare, p.Clients.Needs) }

func (p *Peer) ready(prepare []string, needs string) error {
	if len(prepare) == 0 {
		return nil
	}
	if needs != "" {
		if _, err := os.Stat(p.expand(needs)); err == nil {
			return nil
		}
	}
	if err := os.MkdirAll(p.bin(), 0o755); err != nil {
		return err
	}
	cmd := exec.Command(prepare[0], p.expandAll(prepare[1:])...)
	cmd.Dir = p.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(prepare, " "), err, lastLine(out))
	}
	return nil
}

func (p *Peer) bin() string { return filepath.Join(p.dir, "bin") }

func (p *Peer) expand(s string) string {
	s = strings.ReplaceAll(s, "{bin}", p.bin())
	if strings.Contains(s, "/") && !filepath.IsAbs(s) {
		return filepath.Join(p.dir, s)
	}
	return s
}

func (p *Peer) expandAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.ReplaceAll(s, "{bin}", p.bin())
	}
	return out
}

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
