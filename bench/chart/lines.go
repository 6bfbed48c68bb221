//go:build linux

package chart

import (
	"cmp"
	"image/color"
	"slices"
	"strings"
)

// Point is a value of a series.
type Point struct{ X, Y float64 }

// Series is one line of a chart.
type Series struct {
	Label  string
	Color  color.RGBA
	Points []Point // by rising X
	Marked bool    // a disc at every point
	Bold   bool    // drawn bold
}

// Published is a figure that was not measured here; it is drawn as a hollow
// diamond.
type Published struct {
	Point
	Label string
	Color color.RGBA
}

// Lines describes a line chart.
type Lines struct {
	Title, Subtitle string
	Footer          string // small print, in lines
	XName, YName    string
	Unit            string // behind the last value of each series, such as "MB"
	Series          []Series
	Published       []Published
	PublishedName   string // the diamonds' legend
}

const (
	chartWidth  = 960
	chartHeight = 570
	marginLeft  = 72
	marginTop   = 76
	marginRight = 24
	marginBelow = 98
	textSize    = 13
	smallSize   = 11
	smallGap    = 14
	footerLine  = 15
	labelGap    = 17   // between two lines' labels
	legendGap   = 12   // between a legend's mark and its text
	fallback    = 1.15 // an SVG's viewer may lack the Go fonts and use a wider one
	outlier     = 2.5  // a series this much above all others leaves the chart at its top
)

// Draw lays the chart out.
func (c Lines) Draw() *Scene {
	s := &Scene{width: chartWidth, height: chartHeight}
	s.heading(c.Title, c.Subtitle, c.Footer)
	mostX, mostY := c.extent()
	xs, ys := ticks(mostX, 6), ticks(mostY, 6)
	plot := frame{left: marginLeft, top: marginTop, right: chartWidth - marginRight - c.labelWidth(), bottom: chartHeight - marginBelow,
		maxX: mostX, maxY: ys[len(ys)-1]}
	for _, y := range ys {
		at := plot.at(Point{0, y})
		s.add(line{points: []point{at, {plot.right, at.y}}, color: grid, width: 1})
		s.add(label{at: point{plot.left - 8, at.y + 4}, text: number(y), size: textSize, color: faint, anchor: right})
	}
	for _, x := range xs {
		if x > mostX {
			break
		}
		at := plot.at(Point{x, 0})
		s.add(line{points: []point{at, {at.x, at.y + 5}}, color: faint, width: 1})
		s.add(label{at: point{at.x, at.y + 20}, text: number(x), size: textSize, color: faint, anchor: middle})
	}
	s.add(line{points: []point{{plot.left, plot.bottom}, {plot.right, plot.bottom}}, color: faint, width: 1})
	s.add(label{at: point{(plot.left + plot.right) / 2, plot.bottom + 42}, text: c.XName, size: textSize, color: ink, anchor: middle})
	s.add(label{at: point{20, (plot.top + plot.bottom) / 2}, text: c.YName, size: textSize, color: ink, anchor: middle, turned: true})
	c.drawSeries(s, plot)
	c.drawPublished(s, plot)
	return s
}

// frame maps values to the plot's rectangle.
type frame struct{ left, top, right, bottom, maxX, maxY float64 }

func (f frame) at(p Point) point {
	return point{f.left + p.X/f.maxX*(f.right-f.left), f.bottom - p.Y/f.maxY*(f.bottom-f.top)}
}

// extent is the largest x and the largest y that the chart shows; see outlier.
func (c Lines) extent() (x, y float64) {
	var tops []float64
	for _, series := range c.Series {
		top := 0.0
		for _, p := range series.Points {
			x, top = max(x, p.X), max(top, p.Y)
		}
		tops = append(tops, top)
	}
	for _, p := range c.Published {
		if p.X <= x {
			y = max(y, p.Y)
		}
	}
	slices.Sort(tops)
	for i, top := range tops {
		if i > 0 && i == len(tops)-1 && top > outlier*tops[i-1] {
			break
		}
		y = max(y, top)
	}
	return max(x, 1), max(y, 1)
}

func (c Lines) ending(s Series) string {
	if len(s.Points) == 0 {
		return s.Label
	}
	return s.Label + "  " + short(s.Points[len(s.Points)-1].Y) + " " + c.Unit
}

func (c Lines) labelWidth() (width float64) {
	for _, s := range c.Series {
		width = max(width, textWidth(c.ending(s), textSize, true))
	}
	return width*fallback + 14
}

// drawSeries draws the lines and, at their ends, their names, pushed apart
// where they would overlap.
func (c Lines) drawSeries(s *Scene, plot frame) {
	type name struct {
		text  string
		y     float64
		color color.RGBA
		bold  bool
	}
	var names []name
	for _, series := range c.Series {
		if len(series.Points) == 0 {
			continue
		}
		points := clip(series.Points, plot.maxY)
		drawn := make([]point, len(points))
		for i, p := range points {
			drawn[i] = plot.at(p)
		}
		width := 1.8
		if series.Bold {
			width = 3
		}
		s.add(line{points: drawn, color: series.Color, width: width})
		if series.Marked {
			for _, p := range series.Points {
				if p.Y <= plot.maxY {
					s.add(mark{at: plot.at(p), radius: width + 0.6, color: series.Color})
				}
			}
		}
		end := series.Points[len(series.Points)-1]
		text := c.ending(series)
		if end.Y > plot.maxY {
			text = "↑ " + text
		}
		names = append(names, name{text, plot.at(Point{0, min(end.Y, plot.maxY)}).y, series.Color, series.Bold})
	}
	heights := make([]*float64, len(names))
	for i := range names {
		heights[i] = &names[i].y
	}
	spread(heights, labelGap, plot)
	for _, n := range names {
		s.add(label{at: point{plot.right + 10, n.y + 4}, text: n.text, size: textSize, color: n.color, bold: n.bold})
	}
}

// spread moves heights apart until they differ by the gap, within the plot.
func spread(heights []*float64, gap float64, plot frame) {
	slices.SortStableFunc(heights, func(a, b *float64) int { return cmp.Compare(*b, *a) })
	next := plot.bottom
	for _, y := range heights { // from the bottom up
		*y = min(*y, next)
		next = *y - gap
	}
	next = plot.top
	for _, y := range slices.Backward(heights) { // and down again where that left the plot
		*y = max(*y, next)
		next = *y + gap
	}
}

// clip ends a line where it rises above most.
func clip(points []Point, most float64) []Point {
	var out []Point
	for i, p := range points {
		if p.Y <= most {
			out = append(out, p)
			continue
		}
		if i > 0 && points[i-1].Y < most {
			a := points[i-1]
			out = append(out, Point{a.X + (p.X-a.X)*(most-a.Y)/(p.Y-a.Y), most})
		}
		break
	}
	return out
}

func (c Lines) drawPublished(s *Scene, plot frame) {
	shown := slices.DeleteFunc(slices.Clone(c.Published), func(p Published) bool { return p.X > plot.maxX })
	if len(shown) == 0 {
		return
	}
	names := make([]float64, len(shown))
	heights := make([]*float64, len(shown))
	for i, p := range shown {
		names[i] = plot.at(p.Point).y
		heights[i] = &names[i]
	}
	spread(heights, smallGap, plot)
	for i, p := range shown {
		at := plot.at(p.Point)
		s.add(mark{at: at, shape: diamond, radius: 6, color: p.Color, hollow: true})
		s.add(label{at: point{at.x + 12, names[i] + 4}, text: p.Label + "  " + short(p.Y), size: smallSize, color: p.Color})
	}
	// The legend is level with the subtitle. Its text begins at the mark, so
	// that the gap between them does not depend on the viewer's font.
	legend := point{chartWidth - marginRight - textWidth(c.PublishedName, textSize, false)*fallback, 56}
	s.add(mark{at: point{legend.x - legendGap, legend.y - 4}, shape: diamond, radius: 6, color: faint, hollow: true})
	s.add(label{at: legend, text: c.PublishedName, size: textSize, color: faint})
}

// heading writes the title, what is below it, and the lines of small print at
// the bottom.
func (s *Scene) heading(title, subtitle, footer string) {
	s.add(label{at: point{24, 34}, text: title, size: 19, color: ink, bold: true})
	s.add(label{at: point{24, 56}, text: subtitle, size: textSize, color: faint})
	lines := strings.Split(footer, "\n")
	for i, text := range lines {
		s.add(label{at: point{24, s.height - 14 - footerLine*float64(len(lines)-1-i)}, text: text, size: smallSize, color: faint})
	}
}
