//go:build linux

package chart

import "image/color"

// Bar is one value.
type Bar struct {
	Label    string
	Color    color.RGBA
	Value    float64
	Min, Max float64 // drawn as a thin line when they differ
	Bold     bool
}

// Panel is a group of bars with a scale of their own.
type Panel struct {
	Title string
	Bars  []Bar
}

// Bars describes a chart of panels with horizontal bars, two panels side by
// side.
type Bars struct {
	Title, Subtitle string
	Footer          string // small print, in lines
	Panels          []Panel
}

const (
	barHeight   = 16
	barGap      = 6
	panelHead   = 26
	panelGap    = 22
	columnGap   = 36
	valueWidth  = 48
	columnCount = 2
)

// Draw lays the chart out.
func (c Bars) Draw() *Scene {
	labels := 0.0
	for _, panel := range c.Panels {
		for _, bar := range panel.Bars {
			labels = max(labels, textWidth(bar.Label, textSize, bar.Bold)*fallback)
		}
	}
	s := &Scene{width: chartWidth}
	top := 84.0
	width := (chartWidth - 2*24.0 - columnGap*(columnCount-1)) / columnCount
	for i := 0; i < len(c.Panels); i += columnCount {
		height := 0.0
		for j, panel := range c.Panels[i:min(i+columnCount, len(c.Panels))] {
			panel.draw(s, 24+float64(j)*(width+columnGap), top, width, labels)
			height = max(height, panel.height())
		}
		top += height + panelGap
	}
	s.height = top + 24 + footerLine
	s.heading(c.Title, c.Subtitle, c.Footer)
	return s
}

func (p Panel) height() float64 { return panelHead + float64(len(p.Bars))*(barHeight+barGap) }

func (p Panel) draw(s *Scene, x, y, width, labels float64) {
	s.add(label{at: point{x, y + 12}, text: p.Title, size: textSize, color: ink, bold: true})
	most := 0.0
	for _, bar := range p.Bars {
		most = max(most, bar.Value, bar.Max)
	}
	if most == 0 {
		most = 1
	}
	start := x + labels + 8
	full := width - labels - 8 - valueWidth
	y += panelHead
	for _, bar := range p.Bars {
		length := bar.Value / most * full
		center := y + barHeight/2
		s.add(label{at: point{start - 8, center + 4}, text: bar.Label, size: textSize, color: ink, anchor: right, bold: bar.Bold})
		s.add(box{x: start, y: y, w: max(length, 1), h: barHeight, color: bar.Color})
		end := start + length
		if bar.Max > bar.Min {
			from, to := start+bar.Min/most*full, start+bar.Max/most*full
			s.add(line{points: []point{{from, center}, {to, center}}, color: ink, width: 1})
			end = max(end, to)
		}
		s.add(label{at: point{end + 6, center + 4}, text: short(bar.Value), size: textSize, color: ink, bold: bar.Bold})
		y += barHeight + barGap
	}
}
