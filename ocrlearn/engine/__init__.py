"""What serves every method: sources of images, results, drawings, measures, the scoreboard."""
