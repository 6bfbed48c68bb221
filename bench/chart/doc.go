//go:build linux

// Package chart draws line and bar charts as SVG and PNG that look the same: a
// chart is laid out once as a scene of lines, boxes, marks and texts, and each
// format only writes that scene down. Texts are measured with the Go fonts,
// which the PNG uses too; an SVG's viewer may use another sans-serif font of
// about the same width.
//
// Everything here is pure: no files, no clock. Values are immutable once drawn
// from.
package chart
