//go:build linux

package report

import (
	"fmt"
	"os"

	"github.com/pelletier/go-toml/v2"
)

// Published are figures of the reference's own documentation, by server.
type Published struct {
	Name      string             `toml:"name"`
	Clients   int                `toml:"clients"`
	Megabytes map[string]float64 `toml:"megabytes"`
}

// ReadPublished reads a file such as profiles/reference/memory.toml.
func ReadPublished(file string) (p Published, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return p, err
	}
	if err := toml.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}
