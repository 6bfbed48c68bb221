//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/bench/report"
	"github.com/sioserver/sioserver/bench/result"
)

// draw prints the tables of a results file and draws its charts again.
func draw(o options, out io.Writer) error {
	file, err := os.Open(o.draw)
	if err != nil {
		return err
	}
	defer file.Close()
	records, err := result.Read(file)
	if err != nil {
		return fmt.Errorf("%s: %w", o.draw, err)
	}
	peers, err := peer.LoadDir(o.peersDir)
	if err != nil {
		return err
	}
	if err := writeTables(out, records, ""); err != nil {
		return err
	}
	if err := writeLinks(o.out, records); err != nil {
		return err
	}
	return drawCharts(o, records, peers, out)
}

// publishedFile, below the folder of the profiles, has the reference's own
// figures.
var publishedFile = filepath.Join("reference", "memory.toml")

// drawCharts writes the charts of the records next to the results.
func drawCharts(o options, records []result.Record, peers map[string]*peer.Peer, out io.Writer) error {
	published, err := report.ReadPublished(filepath.Join(o.published, publishedFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	styles := map[string]report.Style{}
	for name, p := range peers {
		styles[name] = report.Style{Label: p.Label, Color: p.RGBA(), Bold: p.Own}
	}
	for _, c := range report.Charts(records, styles, published) {
		for ending, encode := range map[string]func(io.Writer) error{".svg": c.Scene.EncodeSVG, ".png": c.Scene.EncodePNG} {
			file := filepath.Join(o.out, c.Name+ending)
			if err := writeFile(file, encode); err != nil {
				return err
			}
			fmt.Fprintln(out, "wrote", file)
		}
	}
	return nil
}

func writeFile(name string, encode func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(encode(file), file.Close())
}
