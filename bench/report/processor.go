//go:build linux

package report

import (
	"github.com/sioserver/sioserver/bench/chart"
	"github.com/sioserver/sioserver/bench/result"
)

// bars is a figure of every server, and what the title of its panel says behind
// that of the scenario.
type bars struct{ figure, of string }

// processorTime shows what each kind of work costs: one chart of single
// servers, one of clusters.
func processorTime(records []result.Record, styles map[string]Style, footer string) (charts []Chart) {
	for _, one := range []struct {
		name, title, subtitle string
		cluster               bool
		figures               []bars
	}{
		{"cpu", "Processor time of the server for each unit of work", "µs, user and system time together", false, []bars{{"cpu_us", ""}}},
		{"cluster", "Processor time of two servers that Redis joins", "µs, user and system time; both servers for each delivery that crosses, Redis for each message",
			true, []bars{{"cpu_us", ": servers"}, {"redis_message_us", ": Redis"}}},
	} {
		c := chart.Bars{Title: one.title, Subtitle: one.subtitle + "; medians, the thin line spans the runs; shorter is better", Footer: footer}
		for _, table := range Tables(records) {
			for _, figure := range one.figures {
				if panel := table.panel(figure, styles); (table.Kind == "cluster") == one.cluster && len(panel.Bars) > 0 {
					c.Panels = append(c.Panels, panel)
				}
			}
		}
		if len(c.Panels) > 0 {
			charts = append(charts, Chart{one.name, c.Draw()})
		}
	}
	return charts
}

// panel has a bar for every server that has the figure.
func (t Table) panel(b bars, styles map[string]Style) chart.Panel {
	panel := chart.Panel{Title: t.Title + b.of}
	for _, row := range t.Rows {
		value, found := row.Figures[b.figure]
		if !found {
			continue
		}
		style := styles[row.Peer]
		panel.Bars = append(panel.Bars, chart.Bar{
			Label: row.Label, Color: style.Color, Bold: style.Bold, Value: value.Median, Min: value.Min, Max: value.Max,
		})
	}
	return panel
}
